"""Makes the viewer's document of a series (`series_document`) from the headers of its objects."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydicom.dataset import Dataset

from pacs.dicom import series_document as document
from pacs.dicom.delivery import Delivery, delivery_of
from pacs.dicom.functional_groups import functional_group
from pacs.dicom.htj2k import HTJ2K_RPCL, ResolutionTable, htj2k_description
from pacs.dicom.overlays import has_overlays
from pacs.dicom.pixels import PixelDescription, PixelKeyword, pixel_description
from pacs.dicom.presentation import Palette, Table, presentation_of
from pacs.dicom.series_document import (
    FrameAttributes,
    Instance,
    Kind,
    OtherObject,
    SeriesDocument,
    SeriesWarning,
    Stack,
)
from pacs.dicom.series_warnings import warnings_of
from pacs.dicom.spacing import aspect_of, calibration_of, regions_of, spacing_of
from pacs.dicom.stack import sorted_frames
from pacs.dicom.suv import suv_of
from pacs.dicom.values import integer, items, number, numbers, word, words
from pacs.errors import Undecodable

STORAGE = "1.2.840.10008.5.1.4.1.1."
VIDEO = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
KINDS: tuple[tuple[str, Kind], ...] = (
    (f"{STORAGE}88.59", "key_object"),
    (f"{STORAGE}88.", "sr"),
    (f"{STORAGE}11.", "presentation_state"),
    (f"{STORAGE}104.", "document"),
    (f"{STORAGE}9.", "waveform"),
    (f"{STORAGE}66.4", "segmentation"),
    (f"{STORAGE}66.7", "segmentation"),
    (f"{STORAGE}66", "other"),
    (f"{STORAGE}67", "other"),
    (f"{STORAGE}68.", "other"),
    (f"{STORAGE}481.", "rt"),
    (f"{STORAGE}78.", "other"),
    (f"{STORAGE}79.", "other"),
    (f"{STORAGE}80.", "other"),
    (f"{STORAGE}90.", "other"),
    (f"{STORAGE}91.", "other"),
    (f"{STORAGE}200.", "other"),
    (STORAGE, "image"),
)
"""Beginnings of SOP Class UIDs, the first that fits decides."""
ALWAYS_LOSSY = frozenset(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"))
"""JPEG Baseline and Extended."""
RT_IMAGES = frozenset((f"{STORAGE}481.1", f"{STORAGE}481.2", f"{STORAGE}481.23", f"{STORAGE}481.24"))
PIXEL_DATA: dict[PixelKeyword, Literal["integer", "float", "double"]] = {
    "PixelData": "integer",
    "FloatPixelData": "float",
    "DoubleFloatPixelData": "double",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One object of a series, as it is needed here."""

    header: Dataset
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sizes: tuple[int, ...]
    """Bytes of each frame; none: nothing that can be shown as pictures."""
    resolutions: ResolutionTable | None = None
    """Of the same frames in HTJ2K, where they are to be had so."""


def series_document_of(index_row: Mapping[str, Any], sources: Sequence[Source]) -> SeriesDocument:
    """The document of a series. index_row: what the index says of patient, study and series, by column."""
    gathered = _Gathered()
    for source in sources:
        gathered.add(source)
    frames, order, stack = sorted_frames(gathered.frames, gathered.instances)
    shared, per_frame = _shared_and_differing(frames)
    return {
        "study_instance_uid": index_row["study_instance_uid"],
        "series_instance_uid": index_row["series_instance_uid"],
        "revision": index_row["revision"],
        "kind": gathered.kind,
        "modality": index_row["modality"],
        "series_number": index_row["series_number"],
        "series_description": index_row["series_description"],
        "series_date": index_row["series_date"],
        "series_time": index_row["series_time"],
        "body_part_examined": index_row["body_part_examined"],
        "protocol_name": index_row["protocol_name"],
        "patient": {
            "patient_name": index_row["patient_name"],
            "patient_id": index_row["patient_id"],
            "patient_birth_date": index_row["patient_birth_date"],
            "patient_sex": index_row["patient_sex"],
        },
        "study_date": index_row["study_date"],
        "study_time": index_row["study_time"],
        "study_description": index_row["study_description"],
        "accession_number": index_row["accession_number"],
        "institution_name": index_row["institution_name"],
        "number_of_frames": len(frames),
        "order": order,
        "stack": stack,
        "warnings": gathered.warnings(frames, stack, index_row["series_description"]),
        "recommended_rate": gathered.rate,
        "instances": gathered.instances,
        "objects": gathered.objects,
        "luts": [_lut(table) for table in gathered.tables],
        "palettes": [_palette(palette) for palette in gathered.palettes],
        "shared": shared,
        "per_frame": per_frame,
    }


def kind_of(sop_class_uid: str, transfer_syntax_uid: str) -> Kind:
    """What an object is to a reader."""
    if transfer_syntax_uid.startswith(VIDEO):
        return "video"
    if sop_class_uid in RT_IMAGES:
        return "image"
    return next((kind for beginning, kind in KINDS if sop_class_uid.startswith(beginning)), "other")


class _Gathered:
    """The frames of a series so far, and each table once."""

    def __init__(self) -> None:
        self.frames: list[FrameAttributes] = []
        self.instances: list[Instance] = []
        self.headers: list[Dataset] = []
        """Of the instances."""
        self.objects: list[OtherObject] = []
        self.tables: list[Table] = []
        self.palettes: list[Palette] = []
        self.rate: float | None = None
        self._kinds: list[Kind] = []

    @property
    def kind(self) -> Kind:
        """Of the first object that can be shown, else of the first."""
        kinds: list[Kind] = [*self._kinds, *(one["kind"] for one in self.objects), "other"]
        return kinds[0]

    def warnings(self, frames: Sequence[FrameAttributes], stack: Stack | None, description: str) -> list[SeriesWarning]:
        """Of pictures; a segmentation has several frames at one place."""
        return warnings_of(self.headers, frames, stack, description) if self.kind == "image" else []

    def add(self, source: Source) -> None:
        kind = kind_of(source.sop_class_uid, source.transfer_syntax_uid)
        instance_number = _integer_or_none(source.header, "InstanceNumber")
        frames = self._frames_of(source) if source.sizes and kind != "video" else []
        if not frames:
            self.objects.append(
                {
                    "sop_instance_uid": source.sop_instance_uid,
                    "sop_class_uid": source.sop_class_uid,
                    "instance_number": instance_number,
                    "kind": kind,
                }
            )
            return
        self._kinds.append(kind)
        self.frames += frames
        self.headers.append(source.header)
        self.rate = self.rate or _rate(source.header, len(frames))
        self.instances.append(
            {
                "sop_instance_uid": source.sop_instance_uid,
                "sop_class_uid": source.sop_class_uid,
                "instance_number": instance_number,
                "number_of_frames": len(frames),
            }
        )

    def _frames_of(self, source: Source) -> list[FrameAttributes]:
        try:
            description = pixel_description(source.header)
        except Undecodable:
            return []
        if items(source.header, "PerFrameFunctionalGroupsSequence"):
            return [self._frame_of(source, description, number) for number in range(1, len(source.sizes) + 1)]
        first = self._frame_of(source, description, 1)
        return [_like(first, source, number) for number in range(1, len(source.sizes) + 1)]

    def _frame_of(self, source: Source, description: PixelDescription, frame_number: int) -> FrameAttributes:
        header = source.header
        delivery = delivery_of(description, source.transfer_syntax_uid)
        delivered = delivery.description if source.resolutions is None else htj2k_description(delivery.description)
        look = presentation_of(header, description, frame_number)
        spacing, spacing_source = spacing_of(header, frame_number)
        window = look.windows[0] if look.windows else None
        anatomy = _group(header, "FrameAnatomySequence", frame_number)
        measures = _group(header, "PixelMeasuresSequence", frame_number)
        content = _group(header, "FrameContentSequence", frame_number)
        return {
            "instance": len(self.instances),
            "frame_number": frame_number,
            "size": _size(source, delivery, frame_number),
            "transfer_syntax_uid": HTJ2K_RPCL if source.resolutions else delivery.transfer_syntax_uid,
            "transcoded": delivery.is_transcoded,
            "resolution_ends": _resolution_ends(source, frame_number),
            "pixel_data": PIXEL_DATA[description.keyword],
            "rows": description.rows,
            "columns": description.columns,
            "samples_per_pixel": description.samples_per_pixel,
            "photometric_interpretation": delivered.photometric_interpretation,
            "planar_configuration": delivered.planar_configuration,
            "bits_allocated": delivered.bits_allocated,
            "bits_stored": delivered.bits_stored,
            "high_bit": delivered.high_bit,
            "signed": delivered.is_signed,
            "rescale_slope": look.slope,
            "rescale_intercept": look.intercept,
            "rescale_type": look.rescale_type,
            "modality_lut": _index_of(self.tables, look.modality_table),
            "window_center": window.center if window else None,
            "window_width": window.width if window else None,
            "windows": [(one.center, one.width, one.explanation) for one in look.windows],
            "voi_lut_function": look.voi_function,
            "voi_lut": _index_of(self.tables, look.voi_table),
            "padding": look.padding,
            "inverse": look.is_inverse,
            "palette": _index_of(self.palettes, look.palette),
            "pixel_spacing": spacing,
            "pixel_spacing_source": spacing_source,
            "pixel_spacing_calibration": calibration_of(header),
            "magnification": number(header, "EstimatedRadiographicMagnificationFactor"),
            "pixel_aspect_ratio": round(aspect_of(header, spacing), 6),
            "image_orientation": _orientation(header, frame_number),
            "image_position": _position(header, frame_number),
            "frame_of_reference_uid": word(header, "FrameOfReferenceUID"),
            "slice_thickness": number(measures, "SliceThickness"),
            "slice_location": number(header, "SliceLocation"),
            "laterality": word(header, "ImageLaterality")
            or word(anatomy, "FrameLaterality")
            or word(header, "Laterality"),
            "view_position": word(header, "ViewPosition"),
            "patient_orientation": "\\".join(words(header, "PatientOrientation")),
            "quadruped": word(header, "AnatomicalOrientationType") == "QUADRUPED",
            "image_type": "\\".join(words(header, "ImageType")),
            "content_time": word(content, "FrameAcquisitionDateTime") or word(header, "ContentTime"),
            "acquisition_number": _integer_or_none(header, "AcquisitionNumber"),
            "frame_time": _frame_time(header, frame_number),
            "regions": regions_of(header, frame_number),
            "lossy": word(header, "LossyImageCompression") == "01" or source.transfer_syntax_uid in ALWAYS_LOSSY,
            "lossy_ratio": _ratio(header),
            "lossy_method": "\\".join(words(header, "LossyImageCompressionMethod")),
            "stored_transfer_syntax_uid": source.transfer_syntax_uid,
            "burned_in_annotation": word(header, "BurnedInAnnotation") == "YES",
            "overlays": has_overlays(header),
            "suv": suv_of(header),
        }


def _like(first: FrameAttributes, source: Source, frame_number: int) -> FrameAttributes:
    """Another frame of an object that tells nothing of its frames one by one."""
    frame = first.copy()
    frame["frame_number"] = frame_number
    frame["frame_time"] = _frame_time(source.header, frame_number)
    frame["resolution_ends"] = ends = _resolution_ends(source, frame_number)
    if ends:
        frame["size"] = ends[-1]
    elif not first["transcoded"]:
        frame["size"] = source.sizes[frame_number - 1]
    return frame


def _size(source: Source, delivery: Delivery, frame_number: int) -> int:
    if ends := _resolution_ends(source, frame_number):
        return ends[-1]
    return delivery.description.decoded_size if delivery.is_transcoded else source.sizes[frame_number - 1]


def _resolution_ends(source: Source, frame_number: int) -> list[int] | None:
    return list(source.resolutions.ends_of(frame_number)) if source.resolutions else None


def _group(header: Dataset, keyword: str, frame_number: int) -> Dataset:
    """The item of a functional group; of other objects the header itself, which has the same attributes."""
    found = functional_group(header, keyword, frame_number)
    return header if found is None else found


def _orientation(header: Dataset, frame_number: int) -> tuple[float, ...] | None:
    found = numbers(_group(header, "PlaneOrientationSequence", frame_number), "ImageOrientationPatient")
    return found if len(found) == 6 and _spans_a_plane(found) else None


def _spans_a_plane(orientation: tuple[float, ...]) -> bool:
    (a, b, c), (x, y, z) = orientation[:3], orientation[3:]
    cross = (b * z - c * y, c * x - a * z, a * y - b * x)
    return sum(one * one for one in cross) > 0.5


def _position(header: Dataset, frame_number: int) -> tuple[float, ...] | None:
    found = numbers(_group(header, "PlanePositionSequence", frame_number), "ImagePositionPatient")
    return found if len(found) == 3 else None


def _integer_or_none(header: Dataset, keyword: str) -> int | None:
    found = number(header, keyword)
    return None if found is None else int(found)


def _frame_time(header: Dataset, frame_number: int) -> float | None:
    """ms from this frame to the next; the vector tells those from the frame before (PS3.3 C.7.6.5.1.2)."""
    vector = numbers(header, "FrameTimeVector")
    if len(vector) > 1:
        return vector[min(frame_number, len(vector) - 1)]
    return number(header, "FrameTime") or None


def _rate(header: Dataset, count: int) -> float | None:
    """Frames a second at which a film is to be shown (PS3.3 C.7.6.5)."""
    if count < 2:
        return None
    told = integer(header, "RecommendedDisplayFrameRate") or integer(header, "CineRate")
    if told > 0:
        return float(told)
    vector = [time for time in numbers(header, "FrameTimeVector") if time > 0]
    time = number(header, "FrameTime") or (sum(vector) / len(vector) if vector else 0)
    return round(1000 / time, 3) if time > 0 else None


def _ratio(header: Dataset) -> float | None:
    """Of all lossy steps together; each has a value of its own (PS3.3 C.7.6.1.1.5.2)."""
    ratios = [ratio for ratio in numbers(header, "LossyImageCompressionRatio") if ratio >= 1]
    return round(math.prod(ratios), 3) if ratios else None


def _index_of(known: list[Any], one: Table | Palette | None) -> int | None:
    """Where the table is among the known; it is added when it is new."""
    if one is None:
        return None
    if one not in known:
        known.append(one)
    return known.index(one)


def _shared_and_differing(
    frames: Sequence[FrameAttributes],
) -> tuple[dict[str, object], dict[str, list[object]]]:
    shared: dict[str, object] = {}
    per_frame: dict[str, list[object]] = {}
    for key in FrameAttributes.__annotations__ if frames else ():
        values: list[object] = [frame[key] for frame in frames]  # type: ignore[literal-required]
        if all(value == values[0] for value in values):
            shared[key] = values[0]
        else:
            per_frame[key] = values
    return shared, per_frame


def _lut(table: Table) -> document.Lut:
    return {"first": table.first, "bits": table.bits, "values": base64.b64encode(table.entries).decode("ascii")}


def _palette(palette: Palette) -> document.Palette:
    red, green, blue = (base64.b64encode(one).decode("ascii") for one in (palette.red, palette.green, palette.blue))
    return {"first": palette.first, "red": red, "green": green, "blue": blue}

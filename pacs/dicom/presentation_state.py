"""Drawings as a softcopy presentation state (PS3.3 A.33): lines and texts on a layer over the images, and their window.

A state holds images that look alike: the same size, modality values, window and spacing. Of colours it is a Color
Softcopy Presentation State. What is drawn on a plane through a volume is on no image, and so is not in a state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

import pacs
from pacs.dicom.annotation_document import Annotation, FramePlace, Quantity, Result, graphic_type, outline, tracking_uid
from pacs.dicom.charset import UTF_8
from pacs.dicom.colour import PROFILES
from pacs.dicom.edition import MANUFACTURER, MODEL, Edition, Reference, author_name, part10
from pacs.dicom.presentation import Presentation, Table, VoiFunction
from pacs.dicom.softcopy import COLOURS, GREYS

LAYER = "MEASUREMENTS"
UNSPECIFIED = "US"
"""Rescale Type of values that nothing is said of (PS3.3 C.11.1.1.2)."""
SAID: Mapping[str, str] = {"[hnsf'U]": "HU", "deg": "°", "mm2": "mm²", "px2": "px²", "1": ""}
NAMED: Mapping[Quantity, str] = {"mean": "mean ", "sd": "SD ", "min": "min ", "max": "max "}


@dataclass(frozen=True, slots=True)
class Look:
    """How images are shown that can be in one state."""

    series_instance_uid: str
    rows: int
    columns: int
    spacing: tuple[float, float] | None
    """mm between rows, then between columns."""
    aspect: float
    """Height of a pixel divided by its width, where there is no spacing."""
    presentation: Presentation | None
    """None: of colours."""
    window: tuple[float, float] | None
    """Centre and width in modality units; None: nothing is said of it."""
    voi_function: VoiFunction
    is_inverse: bool


def presentation_state(
    edition: Edition,
    image: Dataset,
    look: Look,
    references: Sequence[Reference],
    annotations: Sequence[Annotation],
) -> bytes:
    """The state as a file. image: a header of the study; references: the images that are drawn on; annotations: all
    of them on frames of these.
    """
    state = Dataset()
    state.SpecificCharacterSet = UTF_8
    state.SOPClassUID = COLOURS if look.presentation is None else GREYS
    state.SOPInstanceUID, state.StudyInstanceUID = edition.sop_instance_uid, edition.study_instance_uid
    state.SeriesInstanceUID, state.Modality = edition.series_instance_uid, "PR"
    state.Laterality = ""
    state.SeriesNumber, state.InstanceNumber = edition.series_number, edition.instance_number
    state.Manufacturer, state.ManufacturerModelName = MANUFACTURER, MODEL
    state.SoftwareVersions, state.DeviceSerialNumber = pacs.__version__, edition.device
    for keyword in ("InstanceCreation", "PresentationCreation"):  # set to the edition's time by part10
        setattr(state, f"{keyword}Date", "")
        setattr(state, f"{keyword}Time", "")
    state.ContentLabel, state.ContentDescription = LAYER, edition.series_description
    state.ContentCreatorName = author_name(edition.author)
    state.ReferencedSeriesSequence = [_series(look, references)]
    state.DisplayedAreaSelectionSequence = [_displayed_area(look)]
    state.GraphicLayerSequence = [_layer()]
    state.GraphicAnnotationSequence = list(_graphic_annotations(annotations, references))
    if look.presentation is None:
        state.ICCProfile = PROFILES["srgb"] + b"\0" * (len(PROFILES["srgb"]) % 2)
    else:
        _add_greys(state, look, look.presentation)
    return part10(state, edition, image)


def told(result: Result) -> str:
    """A result as a line of text: `mean -987.5 HU`, `12.3 mm (detector)`."""
    unit = result.type if result.type.startswith("SUV") else SAID.get(result.unit, result.unit)
    number = f"{result.value:.4g}" if abs(result.value) < 1000 else f"{result.value:.0f}"
    where = "" if result.in_body or result.unit.startswith("px") else "(detector)"
    return " ".join(filter(None, (f"{NAMED.get(result.quantity, '')}{number}", unit, where)))


def _series(look: Look, references: Sequence[Reference]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = look.series_instance_uid
    series.ReferencedImageSequence = [_image(one) for one in references]
    return series


def _image(reference: Reference, frame_number: int | None = None) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID = reference.sop_class_uid
    image.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if frame_number is not None:
        image.ReferencedFrameNumber = frame_number
    return image


def _displayed_area(look: Look) -> Dataset:
    """All of the picture, fitted to the screen."""
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [look.columns, look.rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    if look.spacing is not None:
        area.PresentationPixelSpacing = [format_number_as_ds(one) for one in look.spacing]
    else:
        area.PresentationPixelAspectRatio = [round(look.aspect * 1000), 1000] if look.aspect != 1 else [1, 1]
    return area


def _layer() -> Dataset:
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = LAYER, 1
    layer.GraphicLayerDescription = "Measurements and annotations"
    return layer


def _graphic_annotations(annotations: Sequence[Annotation], references: Sequence[Reference]) -> Iterator[Dataset]:
    """An item for each frame that is drawn on."""
    by_uid = {one.sop_instance_uid: one for one in references}
    for (sop, frame_number), drawn in groupby(sorted(annotations, key=_frame_of), _frame_of):
        reference = by_uid[sop]
        item = Dataset()
        item.ReferencedImageSequence = [_image(reference, frame_number if reference.is_multiframe else None)]
        item.GraphicLayer = LAYER
        on_frame = list(drawn)
        item.TextObjectSequence = [text for one in on_frame for text in _texts(one)]
        item.GraphicObjectSequence = [graphic for one in on_frame for graphic in _graphics(one)]
        for keyword in ("TextObjectSequence", "GraphicObjectSequence"):
            if not item[keyword].value:
                del item[keyword]
        yield item


def _frame_of(annotation: Annotation) -> tuple[str, int]:
    assert isinstance(annotation.place, FramePlace), "what is on a plane is in no state"
    return annotation.place.sop_instance_uid, annotation.place.frame_number


def _graphics(annotation: Annotation) -> Iterator[Dataset]:
    """Its lines, in pixels from the corner of the first pixel, as they are drawn."""
    points = outline(annotation)
    if annotation.kind == "text":
        return
    for line in (points[:2], points[2:]) if annotation.kind == "cobb" else (points,):
        graphic = Dataset()
        graphic.GraphicAnnotationUnits, graphic.GraphicDimensions = "PIXEL", 2
        graphic.NumberOfGraphicPoints = len(line)
        graphic.GraphicData = [float(number) for point in line for number in point]
        graphic.GraphicType = graphic_type(annotation.kind)
        if annotation.kind != "probe":
            graphic.GraphicFilled = "N"
        _track(graphic, annotation)
        yield graphic


def _texts(annotation: Annotation) -> Iterator[Dataset]:
    """What was typed and measured, anchored at its last point."""
    lines = [*annotation.text.splitlines(), *map(told, annotation.results)]
    if not lines:
        return
    text = Dataset()
    text.AnchorPointAnnotationUnits = "PIXEL"
    text.UnformattedTextValue = "\r\n".join(lines)[:1024]
    text.AnchorPoint = [float(number) for number in annotation.points[-1]]
    text.AnchorPointVisibility = "N"
    _track(text, annotation)
    yield text


def _track(item: Dataset, annotation: Annotation) -> None:
    """As in the report, so that both are known to be of one thing."""
    item.TrackingID, item.TrackingUID = f"{annotation.kind} {annotation.id[:8]}", tracking_uid(annotation.id)


def _add_greys(state: Dataset, look: Look, presentation: Presentation) -> None:
    """What a state leaves out is not done to the pixels, so it says all that the image says (PS3.4 N.2)."""
    kind = presentation.rescale_type or UNSPECIFIED
    if presentation.modality_table is not None:
        table = _table(presentation.modality_table)
        table.ModalityLUTType = kind
        state.ModalityLUTSequence = [table]
    else:
        state.RescaleIntercept = format_number_as_ds(presentation.intercept)
        state.RescaleSlope = format_number_as_ds(presentation.slope)
        state.RescaleType = kind
    voi = Dataset()
    if look.window is not None:
        voi.WindowCenter, voi.WindowWidth = map(format_number_as_ds, look.window)
        voi.VOILUTFunction = look.voi_function
    elif presentation.voi_table is not None:
        voi.VOILUTSequence = [_table(presentation.voi_table)]
    if len(voi):
        state.SoftcopyVOILUTSequence = [voi]
    if presentation.presentation_table is not None and not look.is_inverse:
        state.PresentationLUTSequence = [_table(presentation.presentation_table)]
    else:
        state.PresentationLUTShape = "INVERSE" if look.is_inverse else "IDENTITY"


def _table(table: Table) -> Dataset:
    """Negative first inputs are SS (PS3.3 C.11.1.1.1)."""
    item = Dataset()
    count = len(table.values)
    item.add_new("LUTDescriptor", "SS" if table.first < 0 else "US", [count & 0xFFFF, table.first, table.bits])
    item.add_new("LUTData", "OW", table.entries)
    return item

"""Measurements as a structured report: TID 1500 of PS3.16, which other viewers read.

A length or an angle is a measurement inferred from its points (TID 300 in TID 1501); what has an inside, a place or a
text is a region with what was measured in it (TID 1410). On a frame the points are SCOORD, which are 32-bit floats,
of that frame; on a plane SCOORD3D.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    CodedConcept,
    Comprehensive3DSR,
    ComprehensiveSR,
    CoordinatesForMeasurement,
    CoordinatesForMeasurement3D,
    DeviceObserverIdentifyingAttributes,
    ImageRegion,
    ImageRegion3D,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import pacs
from pacs.dicom.annotation_document import (
    Annotation,
    FramePlace,
    Kind,
    PlanePlace,
    Quantity,
    Result,
    graphic_type,
    outline,
    tracking_uid,
)
from pacs.dicom.charset import UTF_8
from pacs.dicom.edition import MANUFACTURER, MODEL, SHOWN_EMPTY, Edition, Reference, author_name, part10

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations

OURS = "99FILMLESS"
PIXEL_VALUE = Code("pixel-value", OURS, "Pixel value")
SCALE = Code("scale", OURS, "Source of scale")
"""What no coded concept is known for."""
NOT_IN_BODY = "not measured in the body: at the detector, estimated, or in pixels"
SCHEME = CodingSchemeIdentificationItem(designator=OURS, name="Codes of Filmless", responsible_organization="Filmless")
LANGUAGES: Mapping[str, str] = {"vi": "Vietnamese", "en": "English", "fr": "French"}

SIZES: Mapping[Quantity, Code] = {
    "length": Code("410668003", "SCT", "Length"),
    "angle": Code("1483009", "SCT", "Angle"),
    "area": Code("42798000", "SCT", "Area"),
    "width": Code("103355008", "SCT", "Width"),
    "height": Code("121207", "DCM", "Height"),
}
COBB = Code("285285000", "SCT", "Cobb angle")
DERIVATIONS: Mapping[Quantity, Code] = {
    "mean": Code("373098007", "SCT", "Mean"),
    "sd": Code("386136009", "SCT", "Standard Deviation"),
    "min": Code("255605001", "SCT", "Minimum"),
    "max": Code("56851009", "SCT", "Maximum"),
}
VALUES: Mapping[str, Code] = {
    "HU": Code("112031", "DCM", "Attenuation Coefficient"),
    "SUVbw": Code("126401", "DCM", "SUVbw"),
    "SUVlbm": Code("126402", "DCM", "SUVlbm"),
    "SUVbsa": Code("126403", "DCM", "SUVbsa"),
    "SUVibw": Code("126404", "DCM", "SUVibw"),
}
"""By the type of a result."""
UNITS: Mapping[str, Code] = {
    "1": Code("1", "UCUM", "no units"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px2": Code("{square_pixels}", "UCUM", "square pixels"),
    "deg": Code("deg", "UCUM", "degree"),
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm2": Code("mm2", "UCUM", "square millimeter"),
    "[hnsf'U]": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
}
"""Those that are not told by their own code, and those that have a name."""
INFERRED: tuple[Kind, ...] = ("length", "angle", "cobb")
"""Kinds that are points and a number, with no inside."""


def measurement_report(
    edition: Edition,
    image: Dataset,
    references: Sequence[Reference],
    annotations: Sequence[Annotation],
    *,
    language: str,
    replaces: Sequence[Reference] = (),
) -> bytes:
    """The report as a file. image: a header of the study; references: every instance that is drawn on, or makes up a
    volume that is; language: of what was typed, a key of LANGUAGES; replaces: the report before this one.
    """
    person, device = observers(edition)
    multiframe = {one.sop_instance_uid for one in references if one.is_multiframe}
    content = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=person, observer_device_context=device),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[_group(one, multiframe) for one in annotations],
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept(language, "RFC5646", LANGUAGES[language])
        ),
    )
    kind = Comprehensive3DSR if any(one.place.on == "plane" for one in annotations) else ComprehensiveSR
    made = kind(
        evidence=[evidence(one) for one in references],
        content=content,
        is_complete=True,
        is_final=False,
        is_verified=False,
        previous_versions=[evidence(one) for one in replaces] or None,
        coding_schemes=[SCHEME],
        **numbers(edition),
        **equipment(edition),
    )
    return part10(made, edition, image)


def evidence(reference: Reference) -> Dataset:
    """The instance as highdicom is shown it: its UIDs, and an empty patient, since it refuses what real ones have."""
    ds = Dataset()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = reference.study_instance_uid, reference.series_instance_uid
    ds.SOPClassUID, ds.SOPInstanceUID = reference.sop_class_uid, reference.sop_instance_uid
    for keyword in SHOWN_EMPTY:
        setattr(ds, keyword, "")
    return ds


def observers(edition: Edition) -> tuple[ObserverContext, ObserverContext]:
    """Who has seen it, and by what (TID 1002)."""
    person = PersonObserverIdentifyingAttributes(name=author_name(edition.author), login_name=edition.author)
    device = DeviceObserverIdentifyingAttributes(
        uid=f"2.25.{uuid5(NAMESPACE_OID, edition.device).int}",
        name=edition.device,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL,
    )
    return ObserverContext(codes.DCM.Person, person), ObserverContext(codes.DCM.Device, device)


def equipment(edition: Edition) -> dict[str, Any]:
    """What made it, by the names of highdicom's parameters."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL,
        "software_versions": pacs.__version__,
        "device_serial_number": edition.device,
    }


def numbers(edition: Edition) -> dict[str, Any]:
    """Which object of which series it is, by the names of highdicom's parameters."""
    return {
        "series_instance_uid": edition.series_instance_uid,
        "series_number": edition.series_number,
        "sop_instance_uid": edition.sop_instance_uid,
        "instance_number": edition.instance_number,
        "series_description": edition.series_description,
        "specific_character_set": UTF_8,
    }


def _group(annotation: Annotation, multiframe: Collection[str]) -> Group:
    """What was measured of one annotation (TID 1501 or 1410). multiframe: instances whose frames are to be named."""
    tracking = TrackingIdentifier(tracking_uid(annotation.id), f"{annotation.kind} {annotation.id[:8]}")
    group: Group
    if annotation.kind in INFERRED and annotation.results:
        coordinates = list(_coordinates(annotation, multiframe))
        measured = [_measurement(one, annotation.kind, coordinates) for one in annotation.results]
        group = MeasurementsAndQualitativeEvaluations(tracking_identifier=tracking, measurements=measured)
    else:
        group = PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=_region(annotation, multiframe),
            measurements=[_measurement(one, annotation.kind, None) for one in annotation.results] or None,
        )
    for name, text in _texts(annotation):
        group[0].ContentSequence.append(TextContentItem(name, text, relationship_type=RelationshipTypeValues.CONTAINS))
    return group


def _measurement(
    result: Result,
    kind: Kind,
    coordinates: Sequence[CoordinatesForMeasurement | CoordinatesForMeasurement3D] | None,
) -> Measurement:
    if result.quantity in SIZES:
        name = COBB if kind == "cobb" and result.quantity == "angle" else SIZES[result.quantity]
    else:
        name = VALUES.get(result.type, PIXEL_VALUE)
    return Measurement(
        name=name,
        value=float(result.value),
        unit=_unit(result),
        derivation=DERIVATIONS.get(result.quantity),
        referenced_coordinates=coordinates,
    )


def _unit(result: Result) -> Code:
    if result.type.startswith("SUV") and result.unit in ("g/ml", "cm2/ml"):
        return Code(f"{{{result.type}}}{result.unit}", "UCUM", f"Standardized Uptake Value {result.type[3:]}")
    return UNITS.get(result.unit) or Code(result.unit, "UCUM", result.unit)


def _texts(annotation: Annotation) -> Iterator[tuple[Code, str]]:
    """What was typed and what no number may be taken for, which viewers show; and where the scale comes from."""
    if annotation.text:
        yield codes.DCM.Comment, annotation.text
    if any(not one.in_body for one in annotation.results):
        yield codes.DCM.Comment, NOT_IN_BODY
    for source in dict.fromkeys(f"{one.type or one.unit}: {one.source}" for one in annotation.results if one.source):
        yield SCALE, source


def _coordinates(
    annotation: Annotation, multiframe: Collection[str]
) -> Iterator[CoordinatesForMeasurement | CoordinatesForMeasurement3D]:
    """The points that a measurement is inferred from; of a Cobb angle, one line after the other."""
    points = annotation.points
    for line in (points[:2], points[2:]) if annotation.kind == "cobb" else (points,):
        if isinstance(annotation.place, PlanePlace):
            yield CoordinatesForMeasurement3D("POLYLINE", _array(line), annotation.place.frame_of_reference_uid)
        else:
            yield CoordinatesForMeasurement("POLYLINE", _array(line), _source_image(annotation.place, multiframe))


def _region(annotation: Annotation, multiframe: Collection[str]) -> ImageRegion | ImageRegion3D:
    points = outline(annotation)
    if isinstance(annotation.place, PlanePlace):
        kind = "POLYGON" if annotation.kind == "freehand" else graphic_type(annotation.kind)
        return ImageRegion3D(kind, _array(points), annotation.place.frame_of_reference_uid)
    return ImageRegion(graphic_type(annotation.kind), _array(points), _source_image(annotation.place, multiframe))


def _source_image(place: FramePlace, multiframe: Collection[str]) -> SourceImageForRegion:
    frame_numbers = [place.frame_number] if place.sop_instance_uid in multiframe else None
    return SourceImageForRegion(place.sop_class_uid, place.sop_instance_uid, frame_numbers)


def _array(points: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.array(points, np.float64)

"""What a viewer sends: drawings on an image."""

from typing import Any
from uuid import uuid4

from pydicom.dataset import Dataset

POINTS: dict[str, list[list[float]]] = {
    "length": [[1.25, 2.5], [6.1, 7.000000000000001]],
    "angle": [[1, 1], [4.5, 4.5], [7.9, 0.1]],
    "cobb": [[0.5, 0.5], [7.5, 1.25], [0.5, 7.5], [7.5, 6.125]],
    "ellipse": [[2, 4], [6, 4], [4, 3.5], [4, 4.5]],
    "rectangle": [[1.5, 1.5], [5.25, 6.75]],
    "freehand": [[1, 1], [5, 1.5], [6.3333333333333, 6], [0.1, 5]],
    "probe": [[3.5, 3.5]],
    "arrow": [[4, 4], [7, 7]],
    "text": [[2, 2]],
}
MM = {"unit": "mm", "type": "", "source": "PixelSpacing", "in_body": True}
HU = {"unit": "[hnsf'U]", "type": "HU", "source": "RescaleType", "in_body": True}
RESULTS: dict[str, list[dict[str, Any]]] = {
    "length": [{"quantity": "length", "value": 6.619856493905412, **MM}],
    "angle": [{"quantity": "angle", "value": 97.30575953331081, **MM, "unit": "deg"}],
    "cobb": [{"quantity": "angle", "value": 17.2, **MM, "unit": "deg"}],
    "ellipse": [
        {"quantity": "area", "value": 3.141592653589793, **MM, "unit": "mm2"},
        {"quantity": "mean", "value": -987.5, **HU},
        {"quantity": "sd", "value": 12.25, **HU},
        {"quantity": "min", "value": -1001.0, **HU},
        {"quantity": "max", "value": -970.0, **HU},
    ],
    "rectangle": [{"quantity": "area", "value": 19.6875, **MM, "unit": "px2", "source": "", "in_body": False}],
    "freehand": [{"quantity": "area", "value": 22.5, **MM, "unit": "mm2"}],
    "probe": [{"quantity": "value", "value": -1024.0, **HU}],
}


def make_annotation(ds: Dataset, kind: str = "length", **changes: Any) -> dict[str, Any]:
    """A drawing of a kind on the first frame of an image; keys override."""
    return {
        "id": str(uuid4()),
        "kind": kind,
        "place": {"on": "frame", **place_on(ds)},
        "points": POINTS[kind],
        "text": "Nốt mờ thùy trên phổi phải" if kind in ("arrow", "text") else "",
        "results": RESULTS.get(kind, []),
    } | changes


def make_plane_annotation(ds: Dataset, kind: str = "length", **changes: Any) -> dict[str, Any]:
    """The same on an axial plane through the volume that the image is of."""
    place = {
        "on": "plane",
        "study_instance_uid": ds.StudyInstanceUID,
        "series_instance_uid": ds.SeriesInstanceUID,
        "frame_of_reference_uid": ds.FrameOfReferenceUID,
        "normal": [0, 0, 1],
    }
    points = [[x, y, 12.5] for x, y in POINTS[kind]]
    return make_annotation(ds, kind, place=place, points=points) | changes


def place_on(ds: Dataset, frame_number: int = 1) -> dict[str, Any]:
    """A frame of an image, named."""
    return {
        "study_instance_uid": ds.StudyInstanceUID,
        "series_instance_uid": ds.SeriesInstanceUID,
        "sop_class_uid": ds.SOPClassUID,
        "sop_instance_uid": ds.SOPInstanceUID,
        "frame_number": frame_number,
    }

"""Composite Instance Root and Retrieve Without Bulk Data: new instances of some frames, and headers alone."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, RLELossless
from pynetdicom import evt

from tests.dimse.conftest import EXPLICIT, IMPLICIT, Door, associated, identifier, store_all
from tests.dimse.test_retrieve import Received, counters, destination
from tests.make import make_ct, make_uid

COMPOSITE_MOVE = "1.2.840.10008.5.1.4.1.2.4.2"
COMPOSITE_GET = "1.2.840.10008.5.1.4.1.2.4.3"
WITHOUT_BULK = "1.2.840.10008.5.1.4.1.2.5.3"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.3.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
FRAMES = 6


def loop(**attributes: Any) -> Dataset:
    """An ultrasound loop of six frames of 4×4, each full of its own number."""
    pixels = b"".join(bytes([number]) * 16 for number in range(1, FRAMES + 1))
    values: dict[str, Any] = {
        "SOPClassUID": ULTRASOUND,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "NumberOfFrames": FRAMES,
        "FrameTime": "40",
        "FrameIncrementPointer": 0x00181063,
        "PixelData": pixels,
    }
    return make_ct(4, 4, **(values | attributes))


def frames_asked(ds: Dataset, **keys: Any) -> Dataset:
    return identifier(QueryRetrieveLevel="FRAME", SOPInstanceUID=str(ds.SOPInstanceUID), **keys)


def retrieve(
    door: Door, keys: Dataset, sop_class: str, model: str = COMPOSITE_GET, syntax: str = EXPLICIT
) -> tuple[list[Dataset], Any]:
    """What came of a C-GET, decoded, and its last status."""
    received = Received()
    contexts: list[tuple[str, list[str]]] = [(model, [EXPLICIT]), (sop_class, [syntax])]
    handlers = [(evt.EVT_C_STORE, received.handle)]
    with associated(door, contexts, roles=[sop_class], handlers=handlers) as association:
        statuses = [status for status, _ in association.send_c_get(keys, model)]
    decoded = [read_dataset(BytesIO(data), syntax == IMPLICIT, True) for data in received.data_sets.values()]
    return decoded, statuses[-1]


def first_pixels(ds: Dataset) -> list[int]:
    """The number that each frame is full of."""
    assert isinstance(ds.NumberOfFrames, int)
    return [ds.PixelData[16 * index] for index in range(ds.NumberOfFrames)]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"SimpleFrameList": [2, 5]}, [2, 5]),
        ({"SimpleFrameList": [6, 9]}, [6]),
        ({"CalculatedFrameList": [1, 4, 2, 5, 0xFFFFFFFF, 1]}, [1, 3, 5, 6]),
        ({"TimeRange": [0.04, 0.12]}, [2, 3, 4]),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_frames_come_as_an_instance_of_their_own(
    door: Door, keys: dict[str, Any], expected: list[int], syntax: str
) -> None:
    ds = loop()
    assert store_all(door, ds) == [0]

    (made,), status = retrieve(door, frames_asked(ds, **keys), ULTRASOUND, syntax=syntax)

    assert (status.Status, counters(status)) == (0, (1, 0, 0))
    assert first_pixels(made) == expected
    assert made.SOPInstanceUID != ds.SOPInstanceUID
    assert (made.StudyInstanceUID, made.SeriesInstanceUID) == (ds.StudyInstanceUID, ds.SeriesInstanceUID)
    assert made.PatientName == ds.PatientName
    (extraction,) = made.FrameExtractionSequence
    assert extraction.MultiFrameSourceSOPInstanceUID == ds.SOPInstanceUID
    ((keyword, value),) = keys.items()
    assert list(extraction[keyword].value) == value
    (equipment,) = made.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109105"


def test_the_same_frames_are_the_same_instance(door: Door) -> None:
    ds = loop()
    assert store_all(door, ds) == [0]

    uids = [
        retrieve(door, frames_asked(ds, SimpleFrameList=numbers), ULTRASOUND)[0][0].SOPInstanceUID
        for numbers in ([1, 2], [1, 2], [1, 3])
    ]

    assert uids[0] == uids[1] != uids[2]


def test_frames_of_frames_tell_both_extractions(door: Door) -> None:
    ds = loop()
    assert store_all(door, ds) == [0]
    (once,), _ = retrieve(door, frames_asked(ds, SimpleFrameList=[2, 4, 6]), ULTRASOUND)
    once.file_meta = ds.file_meta
    assert store_all(door, once) == [0]

    (twice,), _ = retrieve(door, frames_asked(once, SimpleFrameList=[3]), ULTRASOUND)

    assert first_pixels(twice) == [6]
    assert [item.MultiFrameSourceSOPInstanceUID for item in twice.FrameExtractionSequence] == [
        ds.SOPInstanceUID,
        once.SOPInstanceUID,
    ]
    assert len(twice.ContributingEquipmentSequence) == 2


@pytest.mark.parametrize(
    ("timing", "numbers", "expected"),
    [
        ({}, [1, 3, 5], {"FrameTime": 80}),
        ({}, [2, 3, 6], {"FrameTimeVector": [0, 40, 120], "FrameDelay": 40}),
        (
            {"FrameTime": None, "FrameTimeVector": [0, 10, 20, 30, 40, 50], "FrameIncrementPointer": 0x00181065},
            [1, 3, 4],
            {"FrameTimeVector": [0, 30, 30]},
        ),
    ],
)
def test_the_times_of_the_frames_stay_theirs(
    door: Door, timing: dict[str, Any], numbers: list[int], expected: dict[str, Any]
) -> None:
    ds = loop(**{keyword: value for keyword, value in timing.items() if value is not None})
    for keyword in [keyword for keyword, value in timing.items() if value is None]:
        delattr(ds, keyword)
    assert store_all(door, ds) == [0]

    (made,), _ = retrieve(door, frames_asked(ds, SimpleFrameList=numbers), ULTRASOUND)

    times = {
        keyword: made.get(keyword) for keyword in ("FrameTime", "FrameTimeVector", "FrameDelay") if keyword in made
    }
    assert times == expected


def enhanced() -> Dataset:
    """An enhanced CT of six frames whose functional groups say when each was taken."""
    groups = []
    for number in range(1, FRAMES + 1):
        content = Dataset()
        content.FrameReferenceDateTime = f"2026112408000{number}.5"
        content.DimensionIndexValues = [1, number]
        group = Dataset()
        group.FrameContentSequence = [content]
        groups.append(group)
    values: dict[str, Any] = {
        "ContentDate": "20261124",
        "ContentTime": "080000",
        "PerFrameFunctionalGroupsSequence": Sequence(groups),
        "ConcatenationUID": make_uid(),
    }
    ds = loop(SOPClassUID=ENHANCED_CT, **values)
    del ds.FrameTime, ds.FrameIncrementPointer
    ds.add_new(0x00091010, "UN", b"private")
    return ds


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_functional_groups_go_with_their_frames(door: Door, syntax: str) -> None:
    ds = enhanced()
    assert store_all(door, ds) == [0]

    (made,), _ = retrieve(door, frames_asked(ds, TimeRange=[2.0, 4.5]), ENHANCED_CT, syntax=syntax)

    assert first_pixels(made) == [2, 3, 4]
    groups = made.PerFrameFunctionalGroupsSequence
    assert [group.FrameContentSequence[0].DimensionIndexValues[1] for group in groups] == [2, 3, 4]
    assert "ConcatenationUID" not in made
    assert not any(element.tag.is_private for element in made)


@pytest.mark.parametrize("compressed", [True, False])
def test_compressed_frames_are_given_as_they_are_or_decoded(door: Door, compressed: bool) -> None:
    ds = loop()
    pixels = np.frombuffer(ds.PixelData, np.uint8)
    ds.compress(RLELossless, generate_instance_uid=False)
    assert store_all(door, ds) == [0]
    syntax = RLELossless if compressed else EXPLICIT

    (made,), status = retrieve(door, frames_asked(ds, SimpleFrameList=[3, 4]), ULTRASOUND, syntax=syntax)

    assert status.Status == 0
    made.file_meta = ds.file_meta
    made.file_meta.TransferSyntaxUID = UID(syntax)
    assert np.array_equal(made.pixel_array.ravel(), pixels[32:64])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"SimpleFrameList": [7, 8]}, 0xAA00),
        ({"CalculatedFrameList": [9, 12, 1]}, 0xAA00),
        ({"TimeRange": [5.0, 6.0]}, 0xAA00),
        ({"SimpleFrameList": [2, 1]}, 0xAA04),
        ({"SimpleFrameList": [0, 1]}, 0xAA04),
        ({"SimpleFrameList": [1, 1]}, 0xAA04),
        ({"CalculatedFrameList": [1, 2]}, 0xAA04),
        ({"CalculatedFrameList": [1, 3, 1, 3, 5, 1]}, 0xAA04),
        ({"CalculatedFrameList": [1, 3, 0]}, 0xAA04),
        ({"TimeRange": [2.0, 1.0]}, 0xAA04),
        ({"SimpleFrameList": [1], "TimeRange": [0.0, 1.0]}, 0xAA04),
        ({}, 0xAA04),
    ],
)
def test_frames_that_cannot_be_meant_have_the_status_of_the_standard(
    door: Door, keys: dict[str, Any], expected: int
) -> None:
    ds = loop()
    assert store_all(door, ds) == [0]

    made, status = retrieve(door, frames_asked(ds, **keys), ULTRASOUND)

    assert (made, status.Status) == ([], expected)


@pytest.mark.parametrize(
    ("attributes", "keys", "expected"),
    [
        ({"FrameTime": "0"}, {"TimeRange": [0.0, 1.0]}, 0xAA03),
        ({"DimensionOrganizationType": "TILED_FULL"}, {"SimpleFrameList": [1]}, 0xAA01),
    ],
)
def test_instances_that_frames_cannot_be_taken_of_say_so(
    door: Door, attributes: dict[str, Any], keys: dict[str, Any], expected: int
) -> None:
    ds = loop(**attributes)
    assert store_all(door, ds) == [0]

    assert retrieve(door, frames_asked(ds, **keys), ULTRASOUND)[1].Status == expected


def test_a_single_frame_image_has_no_frames_to_take(door: Door) -> None:
    ds = make_ct()
    assert store_all(door, ds) == [0]

    assert retrieve(door, frames_asked(ds, SimpleFrameList=[1]), ds.SOPClassUID)[1].Status == 0xAA01


def test_a_video_whose_frames_cannot_be_told_apart_says_so(door: Door) -> None:
    ds = loop(PixelData=encapsulate([b"\0\0\1\xb3" + bytes(60)]))
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    assert store_all(door, ds) == [0]

    assert retrieve(door, frames_asked(ds, SimpleFrameList=[1]), ULTRASOUND)[1].Status == 0xAA02


def test_instances_are_named_by_their_uid_alone(door: Door) -> None:
    datasets = [make_ct(StudyInstanceUID=make_uid()) for _ in range(2)]
    assert store_all(door, *datasets) == [0, 0]
    uids = "\\".join(str(ds.SOPInstanceUID) for ds in datasets)

    made, status = retrieve(door, identifier(QueryRetrieveLevel="IMAGE", SOPInstanceUID=uids), datasets[0].SOPClassUID)

    assert (status.Status, counters(status)) == (0, (2, 0, 0))
    assert {ds.SOPInstanceUID for ds in made} == {ds.SOPInstanceUID for ds in datasets}


def test_frames_go_to_a_peer_by_move(door: Door) -> None:
    ds, received = loop(), Received()
    assert store_all(door, ds) == [0]
    keys = frames_asked(ds, SimpleFrameList=[4])

    with (
        destination(door, "FRAMES", [(ULTRASOUND, [EXPLICIT])], received),
        associated(door, [(COMPOSITE_MOVE, [IMPLICIT])]) as association,
    ):
        status = [status for status, _ in association.send_c_move(keys, "FRAMES", COMPOSITE_MOVE)][-1]

    (data,) = received.data_sets.values()
    assert (status.Status, first_pixels(read_dataset(BytesIO(data), False, True))) == (0, [4])


@pytest.mark.parametrize(
    "keys",
    [
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2"},
        {"QueryRetrieveLevel": "IMAGE"},
        {"QueryRetrieveLevel": "FRAME"},
        {"SOPInstanceUID": "1.2"},
    ],
)
def test_an_identifier_of_another_model_is_refused(door: Door, keys: dict[str, str]) -> None:
    assert retrieve(door, identifier(**keys), ULTRASOUND)[1].Status == 0xA900


def waveform() -> Dataset:
    """An ECG of one channel, with an overlay that no ECG has."""
    item = Dataset()
    item.WaveformSampleInterpretation, item.WaveformBitsAllocated = "SS", 16
    item.add_new(0x54001010, "OW", bytes(64))
    ds = make_ct(SOPClassUID=ECG, Rows=None, Columns=None, PixelData=None)
    ds.WaveformSequence = [item]
    ds.add_new(0x60003000, "OW", bytes(8))
    return ds


@pytest.mark.parametrize(
    "make", [loop, waveform, lambda: make_ct(transfer_syntax_uid="1.2.840.10008.1.2.2", PixelData=bytes(128))]
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_without_bulk_the_header_comes_alone(door: Door, make: Any, syntax: str) -> None:
    ds = make()
    assert store_all(door, ds) == [0]
    keys = identifier(QueryRetrieveLevel="IMAGE", SOPInstanceUID=str(ds.SOPInstanceUID))

    (made,), status = retrieve(door, keys, str(ds.SOPClassUID), WITHOUT_BULK, syntax)

    assert status.Status == 0
    assert (made.SOPInstanceUID, made.PatientName) == (ds.SOPInstanceUID, ds.PatientName)
    assert "PixelData" not in made
    assert 0x60003000 not in made
    assert all(0x54001010 not in item for item in made.get("WaveformSequence", []))
    assert {element.tag for element in ds} - {element.tag for element in made} <= {0x7FE00010, 0x60003000}


def test_without_bulk_a_compressed_instance_needs_no_decoding(door: Door) -> None:
    ds = loop()
    ds.compress(RLELossless, generate_instance_uid=False)
    assert store_all(door, ds) == [0]
    keys = identifier(QueryRetrieveLevel="IMAGE", SOPInstanceUID=str(ds.SOPInstanceUID))

    (made,), status = retrieve(door, keys, ULTRASOUND, WITHOUT_BULK, RLELossless)

    assert status.Status == 0
    assert made.NumberOfFrames == FRAMES
    assert "PixelData" not in made

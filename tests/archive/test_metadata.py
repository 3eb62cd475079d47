"""Metadata and the viewer's document: right after every change, and made once between two."""

import base64
import gzip
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    BasicTextSRStorage,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    KeyObjectSelectionDocumentStorage,
    SegmentationStorage,
    UltrasoundMultiFrameImageStorage,
)

from pacs.archive import metadata
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import NotAllowed, NotFound
from storage import ObjectStore
from tests.archive.kept import upload
from tests.archive.museum import PICTURES, empty_index, exhibited
from tests.conftest import CORPUS, manifest
from tests.make import make_ct, make_uid

__all__ = ["empty_index"]

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point

STUDY, SERIES = make_uid(1), make_uid(1, 1)


def test_metadata_is_every_attribute_and_pixel_data_by_its_uri(pacs: Pacs) -> None:
    ds = make_ct()
    upload(pacs, ds)

    (one,) = json.loads(metadata.series_metadata(pacs, SYSTEM, STUDY, SERIES))

    assert one["00100010"]["Value"] == [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]
    assert one["00281050"]["Value"] == [40]
    assert one["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/{ds.SOPInstanceUID}/bulkdata/7FE00010",
    }


def test_metadata_of_a_study_of_a_series_and_of_an_instance_are_the_same(pacs: Pacs) -> None:
    made = [make_ct(InstanceNumber=number) for number in (2, 1)]
    made.append(make_ct(SeriesInstanceUID=make_uid(1, 2)))
    for ds in made:
        upload(pacs, ds)

    study = json.loads(metadata.study_metadata(pacs, SYSTEM, STUDY))
    series = json.loads(metadata.series_metadata(pacs, SYSTEM, STUDY, SERIES))
    instance = json.loads(metadata.instance_metadata(pacs, SYSTEM, STUDY, SERIES, made[1].SOPInstanceUID))

    assert [uid_of(one) for one in study] == [made[index].SOPInstanceUID for index in (1, 0, 2)]
    assert series == study[:2]
    assert instance == series[:1]


def test_metadata_is_made_once_and_anew_after_each_change(pacs: Pacs) -> None:
    ds = make_ct()
    upload(pacs, ds)
    (before,) = metadata.versions(pacs, SYSTEM, STUDY)
    first = metadata.metadata_gzip(pacs, [before])
    row = {one.key for one in pacs.objects.list()}
    for key in row:
        pacs.objects.delete(key)  # so that it cannot be made again

    assert metadata.metadata_gzip(pacs, metadata.versions(pacs, SYSTEM, STUDY, SERIES)) == first
    upload(pacs, ds)  # again, and its object is back
    upload(pacs, make_ct(InstanceNumber=2))

    (after,) = metadata.versions(pacs, SYSTEM, STUDY, SERIES)
    assert after.revision > before.revision
    assert metadata.version_of([after]) != metadata.version_of([before])
    assert len(json.loads(metadata.series_metadata(pacs, SYSTEM, STUDY, SERIES))) == 2
    assert len(json.loads(metadata.series_document(pacs, SYSTEM, STUDY, SERIES))["instances"]) == 2
    assert len(list((pacs.settings.data / "cache/metadata").rglob("*.gz"))) == 1  # what is out of date is gone


def test_what_is_kept_packed_is_what_is_given_plain(pacs: Pacs) -> None:
    for number in (1, 2):
        upload(pacs, make_ct(SeriesInstanceUID=make_uid(1, number)))
    found = metadata.versions(pacs, SYSTEM, STUDY)

    packed, plain = metadata.metadata_gzip(pacs, found), metadata.metadata_json(pacs, found)

    assert zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed) == plain  # one member, its checksum right
    assert json.loads(plain) == list(metadata.metadata_objects(pacs, found))
    document = metadata.series_document_gzip(pacs, SYSTEM, STUDY, SERIES)
    assert gzip.decompress(document) == metadata.series_document(pacs, SYSTEM, STUDY, SERIES)


@pytest.mark.parametrize("origin", ["https://pacs.example", "http://[::1]:8042", 'http://a"b'])
def test_metadata_is_told_by_each_address_without_reading_a_header_again(
    pacs: Pacs, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        upload(pacs, make_ct(InstanceNumber=number, ImageComments='"BulkDataURI":"http://first/dicom-web/x"'))
    found = metadata.versions(pacs, SYSTEM, STUDY)
    plain = json.loads(metadata.metadata_json(pacs, found))
    first = list(metadata.metadata_objects(pacs, found, "http://first"))
    monkeypatch.setattr(metadata, "read_headers", None)

    again = list(metadata.metadata_objects(pacs, found, origin))

    for kept, one, other in zip(plain, first, again, strict=True):
        path = kept["7FE00010"].pop("BulkDataURI")
        assert one["7FE00010"].pop("BulkDataURI") == "http://first" + path
        assert other["7FE00010"].pop("BulkDataURI") == origin + path
        assert kept == one == other
    assert len(list((pacs.settings.data / "cache/metadata").rglob("*.gz"))) == 3


class Counted:
    """An object store that counts how often it is read."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self.reads = 0

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        self.reads += 1
        return self._objects.get(key, start, stop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)


def test_what_is_asked_for_by_many_at_once_is_made_once(pacs: Pacs) -> None:
    upload(pacs, make_ct())
    counted: Any = Counted(pacs.objects)
    pacs = replace(pacs, objects=counted)
    (one,) = metadata.versions(pacs, SYSTEM, STUDY)

    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda _: metadata.metadata_gzip(pacs, [one]), range(8)))

    assert (counted.reads, len(set(answers))) == (1, 1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda pacs, actor: metadata.study_metadata(pacs, actor, STUDY),
        lambda pacs, actor: metadata.series_metadata(pacs, actor, STUDY, SERIES),
        lambda pacs, actor: metadata.instance_metadata(pacs, actor, STUDY, SERIES, make_uid(9)),
        lambda pacs, actor: metadata.series_document(pacs, actor, STUDY, SERIES),
    ],
    ids=["study", "series", "instance", "document"],
)
def test_who_may_not_know_of_a_study_learns_nothing(pacs: Pacs, ask: Any) -> None:
    upload(pacs, make_ct(SOPInstanceUID=make_uid(9)))
    stranger = Actor("link", "1", permissions=frozenset(("retrieve",)), studies=frozenset((make_uid(2),)))

    with pytest.raises(NotFound):
        ask(pacs, stranger)
    with pytest.raises(NotAllowed):
        ask(pacs, Actor("peer", "STORER", permissions=frozenset(("store",))))


@pytest.mark.parametrize("path", PICTURES[::4])
def test_the_corpus_has_metadata_and_a_document(empty_index: Any, tmp_path: Any, path: str) -> None:
    (row,) = (row for row in manifest() if row["path"] == path)
    with exhibited(empty_index, tmp_path, path) as exhibit:
        study, series, sop = exhibit.uids
        (one,) = json.loads(metadata.series_metadata(exhibit.pacs, SYSTEM, study, series))
        document = document_of(exhibit.pacs, study, series)

    assert uid_of(one) == sop
    assert one["00280010"]["Value"] == [int(row["rows"])]
    assert document["number_of_frames"] == int(row["frames"] or 1)
    assert (document["shared"]["rows"], document["shared"]["columns"]) == (int(row["rows"]), int(row["cols"]))


def test_the_document_says_once_what_all_frames_share(pacs: Pacs) -> None:
    for number in range(3):
        upload(pacs, make_ct(InstanceNumber=number, ImagePositionPatient=[0, 0, 5 * number]))

    document = document_of(pacs)

    assert document["patient"] == {
        "patient_name": "NGUYỄN^THỊ ÁNH ĐÀO",
        "patient_id": "0004123456",
        "patient_birth_date": "19850314",
        "patient_sex": "F",
    }
    assert (document["kind"], document["modality"], document["number_of_frames"]) == ("image", "CT", 3)
    assert set(document["per_frame"]) == {"instance", "image_position"}
    shared = document["shared"]
    assert (shared["rescale_slope"], shared["rescale_intercept"]) == (1, -1024)
    assert (shared["window_center"], shared["window_width"]) == (40, 400)
    assert (shared["pixel_spacing"], shared["pixel_spacing_source"]) == ([1, 1], "patient")
    assert (shared["size"], shared["transfer_syntax_uid"], shared["transcoded"]) == (128, "1.2.840.10008.1.2.1", False)


@pytest.mark.parametrize(
    ("positions", "order", "sorted_positions"),
    [  # the numbers rise from 1 in the order given
        ([0, 1, 2], "position", [0, 1, 2]),
        ([2, 1, 0], "position", [2, 1, 0]),  # numbered from the far end: shown from there
        ([1, 5, 2, 3, 4], "position", [1, 2, 3, 4, 5]),  # numbers that jump
        ([0, 1, 0, 1], "phase_position", [0, 1, 0, 1]),  # the second stack follows the first
        ([0, 0, 1, 1], "phase_position", [0, 1, 0, 1]),
        ([0, 0, 0], "instance_number", [0, 0, 0]),
        ([0, 1, 1], "instance_number", [0, 1, 1]),
        ([5], "instance_number", [5]),
    ],
    ids=str,
)
def test_frames_are_sorted_by_where_they_lie(
    pacs: Pacs, positions: list[float], order: str, sorted_positions: list[float]
) -> None:
    for number, place in enumerate(positions, start=1):
        upload(pacs, make_ct(InstanceNumber=number, ImagePositionPatient=[0, 0, place]))

    document = document_of(pacs)

    assert document["order"] == order
    assert [position[2] for position in values(document, "image_position")] == sorted_positions


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([(0, 0, 0), (0, 0, 2), (0, 0, 4)], {"spacing": 2, "regular": True, "sheared": False, "phases": 1}),
        ([(0, 0, 0), (0, 0, 2), (0, 0, 5), (0, 0, 7)], {"spacing": 2, "regular": False, "sheared": False, "phases": 1}),
        ([(0, 0, 0), (0, 1, 2), (0, 2, 4)], {"spacing": 2, "regular": True, "sheared": True, "phases": 1}),
        ([(0, 0, 0), (0, 0, 3)] * 2, {"spacing": 3, "regular": True, "sheared": False, "phases": 2}),
    ],
    ids=["regular", "a slice is missing", "a tilted gantry", "two phases"],
)
def test_a_stack_is_described(pacs: Pacs, positions: list[tuple[int, int, int]], expected: dict[str, Any]) -> None:
    for number, position in enumerate(positions):
        upload(pacs, make_ct(InstanceNumber=number, ImagePositionPatient=list(position)))

    assert document_of(pacs)["stack"] == expected


@pytest.mark.parametrize(
    "other",
    [
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
        {"Rows": 4, "PixelData": bytes(64)},
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
    ],
    ids=str,
)
def test_frames_that_are_not_of_one_stack_come_by_their_numbers(pacs: Pacs, other: dict[str, Any]) -> None:
    for number in range(3):
        upload(pacs, make_ct(InstanceNumber=number, ImagePositionPatient=[0, 0, -number]))
    upload(pacs, make_ct(InstanceNumber=9, **{"ImagePositionPatient": [0, 0, -0.5], **other}))

    document = document_of(pacs)

    assert (document["order"], document["stack"]) == ("instance_number", None)
    assert [one["instance_number"] for one in document["instances"]] == [0, 1, 2, 9]
    assert values(document, "instance") == [0, 1, 2, 3]


SERIES_OF_THE_CORPUS = {
    "ct-head-phantom-tilt-54": ("position", 54, {"spacing": 2.370809, "regular": True, "sheared": True, "phases": 1}),
    "mr-hitachi-4": ("position", 4, {"spacing": 4.000004, "regular": True, "sheared": False, "phases": 1}),
    "mr-slicecount-2": ("position", 2, {"spacing": 1.0, "regular": True, "sheared": False, "phases": 1}),
    "mr-sliceorientation-4": ("instance_number", 4, None),
}


@pytest.mark.parametrize("folder", SERIES_OF_THE_CORPUS)
def test_series_of_the_corpus_are_stacks_or_not(corpus: Any, pacs: Pacs, folder: str) -> None:
    stored = []
    for path in sorted((CORPUS / "series" / folder).iterdir()):
        with path.open("rb") as file:
            stored.append(ingest(pacs, SYSTEM, file))

    document = document_of(pacs, stored[0].study_instance_uid, stored[0].series_instance_uid)

    assert (document["order"], document["number_of_frames"], document["stack"]) == SERIES_OF_THE_CORPUS[folder]


@pytest.mark.parametrize(
    ("attributes", "spacing", "source"),
    [
        ({"PixelSpacing": [0.5, 0.25]}, [0.5, 0.25], "patient"),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, [0.2, 0.2], "detector"),
        ({"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]}, [0.2, 0.2], "detector"),
        ({"PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}, [0.15, 0.15], "calibrated"),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, [0.1, 0.1], "scanned"),
        ({"SequenceOfUltrasoundRegions": [(3, 0.02), (4, 0.5)]}, [0.2, 0.2], "region"),
        ({"SequenceOfUltrasoundRegions": [(4, 0.5)]}, None, ""),
        ({"PixelSpacing": [0, 0]}, None, ""),
        ({}, None, ""),
    ],
    ids=str,
)
def test_a_spacing_says_where_it_is_true(
    pacs: Pacs, attributes: dict[str, Any], spacing: list[float] | None, source: str
) -> None:
    if "SequenceOfUltrasoundRegions" in attributes:
        regions = [region(*one) for one in attributes["SequenceOfUltrasoundRegions"]]
        attributes = {"SequenceOfUltrasoundRegions": regions}
    upload(pacs, make_ct(**{"PixelSpacing": None, **attributes}))

    shared = document_of(pacs)["shared"]

    assert (shared["pixel_spacing"], shared["pixel_spacing_source"]) == (spacing, source)


@pytest.mark.parametrize(
    ("sop_class_uid", "attributes", "kind", "count"),
    [
        (BasicTextSRStorage, {"PixelData": None}, "sr", 0),
        (KeyObjectSelectionDocumentStorage, {"PixelData": None}, "key_object", 0),
        (EncapsulatedPDFStorage, {"PixelData": None, "EncapsulatedDocument": b"%PDF"}, "document", 0),
        (SegmentationStorage, {}, "segmentation", 1),
        ("1.2.840.10008.5.1.4.1.1.11.1", {"PixelData": None}, "presentation_state", 0),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", {"PixelData": None}, "waveform", 0),
        ("1.2.840.10008.5.1.4.1.1.481.2", {}, "image", 1),
        ("1.2.840.10008.5.1.4.1.1.481.3", {"PixelData": None}, "rt", 0),
        ("1.2.3.4", {}, "other", 1),
    ],
)
def test_a_series_says_what_it_is(
    pacs: Pacs, sop_class_uid: str, attributes: dict[str, Any], kind: str, count: int
) -> None:
    upload(pacs, make_ct(SOPClassUID=sop_class_uid, **attributes))

    document = document_of(pacs)

    assert (document["kind"], document["number_of_frames"]) == (kind, count)
    assert [one["kind"] for one in document["objects"]] == [kind] * (1 - count)


def test_a_film_has_its_rate(pacs: Pacs) -> None:
    film = make_ct(SOPClassUID=UltrasoundMultiFrameImageStorage, NumberOfFrames=4, FrameTime=40, PixelData=bytes(512))
    upload(pacs, film)

    document = document_of(pacs)

    assert document["recommended_rate"] == 25
    assert document["shared"]["frame_time"] == 40
    assert document["per_frame"] == {"frame_number": [1, 2, 3, 4]}


def test_frames_of_an_enhanced_object_have_their_own_attributes(pacs: Pacs) -> None:
    ds = make_ct(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=3, PixelData=bytes(384))
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "WindowCenter", "WindowWidth"):
        delattr(ds, keyword)
    ds.SharedFunctionalGroupsSequence = [
        group(
            PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
            PixelMeasuresSequence={"PixelSpacing": [0.7, 0.7], "SliceThickness": 3},
            PixelValueTransformationSequence={"RescaleSlope": 2, "RescaleIntercept": -1000, "RescaleType": "HU"},
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence={"ImagePositionPatient": [0, 0, place]},
            FrameVOILUTSequence={"WindowCenter": place, "WindowWidth": 100},
        )
        for place in (30, 10, 20)
    ]
    upload(pacs, ds)

    document = document_of(pacs)

    assert (document["order"], document["stack"]["spacing"]) == ("position", 10)
    assert sorted(document["per_frame"]) == sorted(("frame_number", "image_position", "window_center", "windows"))
    places = [position[2] for position in values(document, "image_position")]
    assert places == values(document, "window_center") == [30, 20, 10]  # the first frame lies at the far end
    assert values(document, "frame_number") == [1, 3, 2]
    shared = document["shared"]
    assert (shared["pixel_spacing"], shared["slice_thickness"]) == ([0.7, 0.7], 3)
    assert (shared["rescale_slope"], shared["rescale_intercept"], shared["rescale_type"]) == (2, -1000, "HU")


def test_a_palette_is_sent_once_for_all_frames_and_instances(pacs: Pacs) -> None:
    for number in range(2):
        ds = make_ct(InstanceNumber=number, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)
        ds.PhotometricInterpretation = "PALETTE COLOR"
        for colour, value in (("Red", 1), ("Green", 2), ("Blue", 3)):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
            setattr(ds, f"{colour}PaletteColorLookupTableData", bytes([value]) * 256)
        ds.PixelData = bytes(64)
        upload(pacs, ds)

    document = document_of(pacs)

    (palette,) = document["palettes"]
    assert document["shared"]["palette"] == 0
    assert base64.b64decode(palette["blue"]) == b"\3" * 256


def test_look_up_tables_are_sent_once(pacs: Pacs) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4, 0, 12])
    table.add_new("LUTData", "OW", np.array([4095, 3, 2, 1], "<u2").tobytes())
    for number in range(2):
        upload(pacs, make_ct(InstanceNumber=number, VOILUTSequence=[table], WindowCenter=None, WindowWidth=None))

    document = document_of(pacs)

    (lut,) = document["luts"]
    assert (document["shared"]["voi_lut"], document["shared"]["modality_lut"]) == (0, None)
    assert (lut["first"], lut["bits"]) == (0, 12)
    assert np.frombuffer(base64.b64decode(lut["values"]), "<u2").tolist() == [4095, 3, 2, 1]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, {"inverse": True}),
        ({"PixelPaddingValue": -2000}, {"padding": [-2000, -2000]}),
        ({"LossyImageCompression": "01", "LossyImageCompressionRatio": 8}, {"lossy": True, "lossy_ratio": 8}),
        ({"WindowCenter": [40, -600], "WindowWidth": [400, 1500]}, {"windows": [[40, 400, ""], [-600, 1500, ""]]}),
        ({"WindowCenter": "", "WindowWidth": ""}, {"window_center": None, "window_width": None, "windows": []}),
        ({"RescaleSlope": "", "RescaleIntercept": ""}, {"rescale_slope": 1, "rescale_intercept": 0}),
        ({"VOILUTFunction": "SIGMOID"}, {"voi_lut_function": "SIGMOID"}),
        ({"PixelAspectRatio": [2, 1]}, {"pixel_aspect_ratio": 2}),
        ({"ImageLaterality": "L", "ViewPosition": "MLO"}, {"laterality": "L", "view_position": "MLO"}),
        ({"BurnedInAnnotation": "YES"}, {"burned_in_annotation": True}),
    ],
    ids=str,
)
def test_what_a_header_says_is_in_the_document(
    pacs: Pacs, attributes: dict[str, Any], expected: dict[str, Any]
) -> None:
    upload(pacs, make_ct(**attributes))

    shared = document_of(pacs)["shared"]

    assert {key: shared[key] for key in expected} == expected


def test_one_unreadable_object_does_not_hide_the_others(pacs: Pacs) -> None:
    upload(pacs, make_ct(InstanceNumber=1))
    damaged = make_ct(InstanceNumber=2, transfer_syntax_uid="1.2.840.10008.1.2.4.100")
    damaged.PixelData = encapsulate([b"\0\0\1\xb3video!"])
    damaged["PixelData"].VR = "OB"
    damaged["PixelData"].is_undefined_length = True
    upload(pacs, damaged)

    document = document_of(pacs)

    assert document["number_of_frames"] == 1
    assert [one["kind"] for one in document["objects"]] == ["video"]
    assert len(json.loads(metadata.series_metadata(pacs, SYSTEM, STUDY, SERIES))) == 2


def document_of(pacs: Pacs, study: str = STUDY, series: str = SERIES) -> Any:
    return json.loads(metadata.series_document(pacs, SYSTEM, study, series))


def values(document: Any, key: str) -> list[Any]:
    """Of each frame, in the order of the document."""
    found = document["per_frame"].get(key)
    return list(found) if found is not None else [document["shared"][key]] * document["number_of_frames"]


def uid_of(one: Any) -> str:
    return str(one["00080018"]["Value"][0])


def region(units: int, delta: float) -> Dataset:
    """An ultrasound region; units 3: cm, 4: seconds."""
    ds = Dataset()
    ds.RegionLocationMinX0 = ds.RegionLocationMinY0 = 0
    ds.RegionLocationMaxX1 = ds.RegionLocationMaxY1 = 7
    ds.PhysicalUnitsXDirection = ds.PhysicalUnitsYDirection = units
    ds.PhysicalDeltaX = ds.PhysicalDeltaY = delta
    return ds


def group(**sequences: dict[str, Any]) -> Dataset:
    """An item of a functional groups sequence."""
    ds = Dataset()
    for keyword, attributes in sequences.items():
        item = Dataset()
        for name, value in attributes.items():
            setattr(item, name, value)
        setattr(ds, keyword, [item])
    return ds

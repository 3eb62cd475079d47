"""Bulk data: every long value of an instance, whole or a range of it, as it is in the data set."""

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from pacs.archive.bulk_data import PIXEL_PATHS, BulkValue, bulk_paths, bulk_value, bulk_values, pixel_value
from pacs.archive.metadata import metadata_of
from pacs.archive.retrieve import InstanceRef, instances, transcoded
from pacs.context import SYSTEM, Pacs
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.errors import NotFound
from pacs.settings import Settings
from storage import open_store
from tests.archive.kept import upload
from tests.archive.museum import PICTURES, empty_index, exhibited
from tests.make import make_ct

__all__ = ["empty_index"]

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point


def kept(pacs: Pacs, ds: Dataset) -> InstanceRef:
    upload(pacs, ds)
    return instances(pacs, SYSTEM, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)[0]


def whole(value: BulkValue) -> bytes:
    data = b"".join(value.pieces(0, value.size))
    assert len(data) == value.size
    return data


def test_a_value_is_found_at_its_path(pacs: Pacs) -> None:
    item = Dataset()
    item.EncapsulatedDocument = b"inner" * 300
    ds = make_ct(PixelData=None, EncapsulatedDocument=b"%PDF" * 100_000)
    ds.RequestAttributesSequence = [Dataset(), item]
    ref = kept(pacs, ds)

    paths = list(bulk_paths(metadata_of(pacs, ref)))

    assert paths == ["00400275/2/00420011", "00420011"]
    assert [whole(bulk_value(pacs, ref, path)) for path in paths] == [
        item.EncapsulatedDocument,
        ds.EncapsulatedDocument,
    ]
    assert list(bulk_value(pacs, ref, "00420011").pieces(1, 6)) == [b"PDF%P"]


@pytest.mark.parametrize("objects", ["memory:", ""], ids=["in no file", "in a file"])
def test_what_is_long_is_read_from_wherever_objects_lie(pacs: Pacs, settings: Settings, objects: str) -> None:
    item = Dataset()
    item.ContourData = [0.5] * 1000
    ds = make_ct(PixelData=None, EncapsulatedDocument=b"%PDF" * 100_000, ROIContourSequence=[item] * 100)
    with closing(open_store(objects or settings.objects, spool=settings.data / "spool")) as store:
        pacs = replace(pacs, objects=store)
        ref = kept(pacs, ds)

        found = metadata_of(pacs, ref)
        assert whole(bulk_value(pacs, ref, "00420011")) == ds.EncapsulatedDocument

    assert len(found["30060039"]["Value"]) == 100
    assert found["30060039"]["Value"][99]["30060050"]["Value"] == [0.5] * 1000


@pytest.mark.parametrize("path", ["00100020/1/00100020", "00420010", "nonsense", "00400275/7/00420011", ""])
def test_a_value_that_is_not_there_is_not_found(pacs: Pacs, path: str) -> None:
    ref = kept(pacs, make_ct())

    with pytest.raises(NotFound):
        bulk_value(pacs, ref, path)


@pytest.mark.parametrize(
    ("attributes", "media_type", "size"),
    [
        (
            {"MIMETypeOfEncapsulatedDocument": "application/pdf", "EncapsulatedDocumentLength": 1999},
            "application/pdf",
            1999,
        ),
        ({"MIMETypeOfEncapsulatedDocument": "text/XML"}, "text/xml", 2000),
        ({"MIMETypeOfEncapsulatedDocument": "model/stl", "EncapsulatedDocumentLength": 7}, "model/stl", 2000),
        ({"MIMETypeOfEncapsulatedDocument": "no type\r\n"}, "application/octet-stream", 2000),
        ({}, "application/octet-stream", 2000),
    ],
    ids=str,
)
def test_a_document_is_what_it_says_it_is(pacs: Pacs, attributes: dict[str, Any], media_type: str, size: int) -> None:
    ref = kept(pacs, make_ct(PixelData=None, EncapsulatedDocument=b"%" * 1999 + b"\0", **attributes))

    value = bulk_value(pacs, ref, "00420011")

    assert (value.media_type, value.size, len(whole(value))) == (media_type, size, size)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_any_range_of_pixel_data_is_given_uncompressed(pacs: Pacs, syntax: UID) -> None:
    pixels = np.arange(192, dtype="<i2")
    ds = make_ct(NumberOfFrames=3, PixelData=pixels.tobytes())
    if syntax == RLELossless:
        ds.compress(syntax, pixels.reshape(3, 8, 8), generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = pixels.byteswap().tobytes()
    ds.file_meta.TransferSyntaxUID = syntax

    value = pixel_value(pacs, SYSTEM, kept(pacs, ds))

    assert value.size == 384
    for start, stop in [(0, 384), (0, 1), (383, 384), (100, 300), (127, 129), (128, 256), (5, 5)]:
        assert b"".join(value.pieces(start, stop)) == pixels.tobytes()[start:stop], (start, stop)


def test_frames_of_single_bits_are_one_run(pacs: Pacs) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 5, 5), np.uint8)
    ds = make_ct(rows=5, columns=5, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0)
    ds.PixelData = np.packbits(bits, bitorder="little").tobytes()

    assert whole(pixel_value(pacs, SYSTEM, kept(pacs, ds))) == ds.PixelData


@pytest.mark.parametrize("path", PICTURES[::9])
def test_pixel_data_of_the_corpus_is_that_of_the_uncompressed_instance(
    empty_index: Any, tmp_path: Any, path: str
) -> None:
    with exhibited(empty_index, tmp_path, path) as exhibit:
        pacs, ref = exhibit.pacs, exhibit.ref
        found = {value.path: value for value in bulk_values(pacs, SYSTEM, ref)}
        (pixels,) = (whole(value) for path, value in found.items() if path in PIXEL_PATHS)

        assert list(found) == list(bulk_paths(json.loads(json.dumps(metadata_of(pacs, ref)))))
        assert pixels in transcoded(pacs, ref, EXPLICIT_LITTLE_ENDIAN)

"""What comes out is what was kept: whole, in frames, in another encoding, as a picture."""

import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xxhash
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from pacs.archive import retrieve, selection
from pacs.archive.ingest import receive
from pacs.archive.metadata import series_document
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.pixels import (
    BIG_ENDIAN,
    EXPLICIT,
    GE_PRIVATE,
    IMPLICIT,
    RLE,
    PixelDescription,
    colour_space_of,
    decode_frame,
    pixel_description,
    stored_values,
)
from pacs.dicom.presentation import Window
from pacs.dicom.render import Viewport, rgb_of
from pacs.errors import NotAcceptable, NotAllowed, NotFound, OutOfResources, Undecodable
from pacs.index.session import Database
from pacs.settings import Settings
from storage.memory import MemoryStore
from tests.archive.kept import upload
from tests.archive.museum import PICTURES, Exhibit, empty_index, exhibited
from tests.make import data_set_bytes, make_ct, make_uid

__all__ = ["empty_index"]

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point

DEFLATED = "1.2.840.10008.1.2.1.99"
PIXEL_MODULE = (0x00280004, 0x00280006, 0x00280102, 0x00282110)
"""What decoding changes: photometric interpretation, planar configuration, high bit, lossy image compression."""


@pytest.fixture(scope="module", params=PICTURES)
def exhibit(
    request: pytest.FixtureRequest, empty_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exhibit]:
    with exhibited(empty_index, tmp_path_factory.mktemp("exhibit"), request.param) as one:
        yield one


def test_the_corpus_is_transcoded_without_loss(exhibit: Exhibit) -> None:
    assert_transcoded(exhibit, EXPLICIT)


IN_EVERY_WAY = [path for path in PICTURES if path.startswith(("photometric/pydicom__", "syntax/pydicom__"))]


@pytest.mark.parametrize("exhibit", IN_EVERY_WAY, indirect=True)
def test_the_corpus_is_transcoded_to_implicit_vr_without_loss(exhibit: Exhibit) -> None:
    assert_transcoded(exhibit, IMPLICIT)


def test_the_viewer_is_given_frames_of_the_corpus_as_its_document_says(exhibit: Exhibit) -> None:
    study, series, _ = exhibit.uids
    document = json.loads(series_document(exhibit.pacs, SYSTEM, study, series))
    indices = range(min(3, document["number_of_frames"]))
    original = pixel_description(pydicom.dcmread(exhibit.path, force=True))

    given = dict(retrieve.viewer_frames(exhibit.pacs, SYSTEM, study, series, indices, document["revision"]))

    assert [*given] == [*indices]
    for index, data in given.items():
        said = {key: values[index] for key, values in document["per_frame"].items()} | document["shared"]
        kept = next(retrieve.frames(exhibit.pacs, SYSTEM, *exhibit.uids, [said["frame_number"]]).frames)
        assert len(data) <= said["size"]
        assert np.array_equal(
            shown_values(description_said(said), data, said["transfer_syntax_uid"]),
            shown_values(original, kept, kept_syntax(exhibit)),
        )


def test_the_corpus_is_rendered(exhibit: Exhibit) -> None:
    ref = exhibit.ref

    picture = Image.open(io.BytesIO(retrieve.rendered(exhibit.pacs, ref)))
    thumbnail = Image.open(io.BytesIO(retrieve.thumbnail(exhibit.pacs, ref)))

    assert picture.format == thumbnail.format == "JPEG"
    assert max(thumbnail.size) == 128


def test_instances_come_by_series_and_instance_number(pacs: Pacs) -> None:
    for series, number in ((2, 1), (1, 10), (1, 9), (2, None)):
        upload(pacs, make_ct(SeriesNumber=series, SeriesInstanceUID=make_uid(1, series), InstanceNumber=number or ""))

    refs = retrieve.instances(pacs, SYSTEM, make_uid(1))

    assert [(ref.series_number, ref.instance_number) for ref in refs] == [(1, 9), (1, 10), (2, 1), (2, None)]
    assert {ref.number_of_frames for ref in refs} == {1}


def test_who_may_not_retrieve_is_refused(pacs: Pacs) -> None:
    upload(pacs, make_ct())

    with pytest.raises(NotAllowed):
        retrieve.instances(pacs, Actor("peer", "SENDER", permissions=frozenset(("store",))), make_uid(1))


def test_a_link_knows_its_own_studies_only(pacs: Pacs) -> None:
    ds = make_ct()
    upload(pacs, ds)
    stranger = Actor("link", "1", permissions=frozenset(("retrieve",)), studies=frozenset((make_uid(2),)))
    guest = replace(stranger, studies=frozenset((ds.StudyInstanceUID,)))
    uids = ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID

    assert len(retrieve.instances(pacs, guest, *uids)) == 1
    assert list(retrieve.frames(pacs, guest, *uids, [1]).frames) == [ds.PixelData]
    with pytest.raises(NotFound):
        retrieve.instances(pacs, stranger, *uids)
    with pytest.raises(NotFound):
        retrieve.frames(pacs, stranger, *uids, [1])
    with pytest.raises(NotFound):
        retrieve.viewer_frames(pacs, stranger, *uids[:2], [0])


def test_each_database_knows_an_instance_and_its_frames(database_url: str, settings: Settings) -> None:
    settings.data.mkdir(parents=True, exist_ok=True)
    with closing(Database(database_url)) as database:
        database.migrate()
        pacs = Pacs(settings, database, MemoryStore())
        ds = make_ct()
        uids = uids_of(kept_ref(pacs, ds))

        (ref,) = retrieve.instances(pacs, SYSTEM, *uids)

        assert ref == retrieve.instances(pacs, SYSTEM, sop=ds.SOPInstanceUID)[0]
        assert ref.has_frames is True
        assert list(retrieve.frames(pacs, SYSTEM, *uids, [1]).frames) == [ds.PixelData]


@pytest.mark.parametrize("size", [500, 200_000])
def test_files_one_after_another_are_those_that_were_kept(
    pacs: Pacs, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "CHUNK", size)
    refs = [kept_ref(pacs, make_ct(InstanceNumber=number)) for number in (1, 2, 3)]

    given = [b"".join(file) for file in retrieve.whole_files(pacs, refs)]

    assert given == [retrieve.whole_file(pacs, ref) for ref in refs]


@pytest.mark.parametrize("size", [1, 300, 1 << 20])
def test_what_was_kept_comes_back_byte_for_byte(pacs: Pacs, size: int) -> None:
    ds = make_ct()
    ref = kept_ref(pacs, ds)

    assert retrieve.data_set(pacs, ref) == data_set_bytes(ds)
    assert b"".join(retrieve.data_set_chunks(pacs, ref, size)) == data_set_bytes(ds)
    assert b"".join(retrieve.whole_file_chunks(pacs, ref, size)) == retrieve.whole_file(pacs, ref)
    assert hashlib.sha256(retrieve.whole_file(pacs, ref)).hexdigest() == ref.object_key


@pytest.mark.parametrize("proof", ["digest", "checksum"])
@pytest.mark.parametrize("harm", ["removed", "cut off", "altered"])
def test_damaged_bytes_are_never_given_as_whole(pacs: Pacs, harm: str, proof: str) -> None:
    ref = kept_ref(pacs, make_ct())
    checksum = xxhash.xxh3_64_hexdigest(pacs.objects.get(ref.object_key)) if proof == "checksum" else ""
    ref = replace(ref, checksum=checksum)
    assert retrieve.whole_file(pacs, ref) == b"".join(next(retrieve.whole_files(pacs, [ref])))
    path = Path(pacs.settings.data / "objects" / ref.object_key[:2] / ref.object_key)
    path.chmod(0o600)
    match harm:
        case "removed":
            path.unlink()
        case "cut off":
            path.write_bytes(path.read_bytes()[:-2])
        case _:
            path.write_bytes(path.read_bytes()[:-1] + b"\7")

    for read in (retrieve.data_set, retrieve.whole_file):
        with pytest.raises(OutOfResources):
            read(pacs, ref)
    with pytest.raises(OutOfResources):
        b"".join(next(retrieve.whole_files(pacs, [ref])))
    for chunks, whole in (
        (retrieve.data_set_chunks, ref.size - ref.data_set_offset),
        (retrieve.whole_file_chunks, ref.size),
    ):
        given = 0
        with pytest.raises(OutOfResources):
            for chunk in chunks(pacs, ref, 100):
                given += len(chunk)
        assert given < whole


@pytest.mark.parametrize("numbers", [[1], [3, 1], [1, 2, 3], [2, 2]])
@pytest.mark.parametrize("bits", [16, 1])
def test_frames_come_in_the_order_asked_for(pacs: Pacs, bits: int, numbers: list[int]) -> None:
    ds, frames = film(bits)
    ref = kept_ref(pacs, ds)

    found = retrieve.frames(pacs, SYSTEM, *uids_of(ref), numbers)

    assert list(found.frames) == [frames[number - 1] for number in numbers]
    assert list(retrieve.frames(pacs, SYSTEM, *uids_of(ref)).frames) == frames


@pytest.mark.parametrize("numbers", [[0], [4], [1, -1], []])
def test_frames_that_are_not_there_are_not_found(pacs: Pacs, numbers: list[int]) -> None:
    ref = kept_ref(pacs, film()[0])

    with pytest.raises(NotFound):
        retrieve.frames(pacs, SYSTEM, *uids_of(ref), numbers)


def test_an_object_without_pixel_data_has_no_frames_and_no_picture(pacs: Pacs) -> None:
    ref = kept_ref(pacs, make_ct(PixelData=None))

    with pytest.raises(NotFound):
        retrieve.frames(pacs, SYSTEM, *uids_of(ref), [1])
    with pytest.raises(NotFound):
        retrieve.rendered(pacs, ref)
    with pytest.raises(NotFound):
        retrieve.representative([ref])


def test_frames_of_a_deflated_data_set_are_inflated(pacs: Pacs) -> None:
    ds = make_ct(transfer_syntax_uid=DEFLATED)
    ref = kept_ref(pacs, ds)

    found = retrieve.frames(pacs, SYSTEM, *uids_of(ref), [1])

    assert (found.transfer_syntax_uid, list(found.frames)) == (EXPLICIT, [ds.PixelData])
    assert retrieve.transcoded(pacs, ref, EXPLICIT) == data_set_bytes(ds)
    assert Image.open(io.BytesIO(retrieve.rendered(pacs, ref))).size == (8, 8)


def test_neighbouring_frames_are_read_together(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = kept_ref(pacs, film()[0])
    reads: list[Any] = []
    get = type(pacs.objects).get

    def counted(*given: Any) -> bytes:
        reads.append(given)
        return get(*given)

    monkeypatch.setattr(type(pacs.objects), "get", counted)
    list(retrieve.frames(pacs, SYSTEM, *uids_of(ref), [1, 2, 3]).frames)

    assert len(reads) == 1


def test_frames_that_a_client_cannot_take_are_decoded(pacs: Pacs) -> None:
    ds, frames = film()
    ds.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    ref = kept_ref(pacs, ds)

    found = retrieve.decoded(pacs, retrieve.frames(pacs, SYSTEM, *uids_of(ref), [2, 1]))

    assert (found.transfer_syntax_uid, list(found.frames)) == (EXPLICIT, [frames[1], frames[0]])


def test_pixels_of_ge_machines_are_big_endian_in_little_endian_headers(pacs: Pacs) -> None:
    ds = make_ct(1, 2, PixelData=b"\0\1\0\2", transfer_syntax_uid=IMPLICIT)
    with receive(pacs, SYSTEM, ds.SOPClassUID, ds.SOPInstanceUID, GE_PRIVATE) as incoming:
        incoming.write(data_set_bytes(ds))
        stored = incoming.finish()
    ref = retrieve.instances(pacs, SYSTEM, sop=stored.sop_instance_uid)[0]

    (native,) = retrieve.decoded(pacs, retrieve.frames(pacs, SYSTEM, *uids_of(ref))).frames

    assert parsed(retrieve.transcoded(pacs, ref, EXPLICIT), EXPLICIT).PixelData == native == b"\1\0\2\0"


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.2", "1.2"])
def test_other_transfer_syntaxes_are_not_acceptable(pacs: Pacs, uid: str) -> None:
    with pytest.raises(NotAcceptable):
        retrieve.transcoded(pacs, kept_ref(pacs, make_ct()), uid)


def test_a_damaged_frame_is_undecodable_and_its_instance_comes_back_as_it_was(pacs: Pacs) -> None:
    ds = make_ct(transfer_syntax_uid="1.2.840.10008.1.2.4.90")
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(60)])
    ds["PixelData"].is_undefined_length = True
    ref = kept_ref(pacs, ds)

    with pytest.raises(Undecodable):
        retrieve.transcoded(pacs, ref, EXPLICIT)
    with pytest.raises(Undecodable):
        retrieve.rendered(pacs, ref)
    assert retrieve.data_set(pacs, ref) == data_set_bytes(ds)


def test_values_behind_the_pixel_data_are_kept_when_transcoding(pacs: Pacs) -> None:
    ds = make_ct(DataSetTrailingPadding=b"abcd")
    ds.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)

    assert parsed(retrieve.transcoded(pacs, kept_ref(pacs, ds), IMPLICIT), IMPLICIT).DataSetTrailingPadding == b"abcd"


def test_indices_of_a_series_that_has_changed_are_refused(pacs: Pacs) -> None:
    ds = make_ct()
    upload(pacs, ds)
    uids = ds.StudyInstanceUID, ds.SeriesInstanceUID
    revision = json.loads(series_document(pacs, SYSTEM, *uids))["revision"]
    upload(pacs, make_ct(InstanceNumber=0))

    with pytest.raises(NotFound, match="changed"):
        retrieve.viewer_frames(pacs, SYSTEM, *uids, [0], revision)
    assert len(list(retrieve.viewer_frames(pacs, SYSTEM, *uids, [1, 0]))) == 2


@pytest.mark.parametrize("indices", [[], [-1], [1]])
def test_indices_beyond_the_series_are_not_found(pacs: Pacs, indices: list[int]) -> None:
    ds = make_ct()
    upload(pacs, ds)

    with pytest.raises(NotFound):
        retrieve.viewer_frames(pacs, SYSTEM, ds.StudyInstanceUID, ds.SeriesInstanceUID, indices)


def test_a_window_and_a_viewport_can_be_asked_for(pacs: Pacs) -> None:
    ref = kept_ref(pacs, make_ct(16, 32))
    appearance = retrieve.Appearance("image/png", viewport=Viewport(8, 8), window=Window(-5000, 1))

    picture = np.asarray(Image.open(io.BytesIO(retrieve.rendered(pacs, ref, 1, appearance))))

    assert picture.shape == (4, 8)
    assert picture.min() == 255


def test_a_picture_is_made_once_and_again_when_the_kept_one_is_torn(pacs: Pacs) -> None:
    ref = kept_ref(pacs, make_ct())
    first = retrieve.thumbnail(pacs, ref)
    (kept,) = (path for path in (pacs.settings.data / "cache/pictures").rglob("*") if path.is_file())

    kept.write_bytes(kept.read_bytes()[:-3])
    assert retrieve.thumbnail(pacs, ref) == first
    pacs.objects.delete(ref.object_key)
    assert retrieve.thumbnail(pacs, ref) == first


def test_a_thumbnail_of_a_film_is_of_its_middle(pacs: Pacs) -> None:
    ds, _ = film()
    ds.PixelData = np.repeat(np.array([0, 1000, 0], "<i2"), 64).tobytes()
    ds.WindowCenter, ds.WindowWidth, ds.RescaleIntercept = 500, 1000, 0

    thumbnail = np.asarray(Image.open(io.BytesIO(retrieve.thumbnail(pacs, kept_ref(pacs, ds)))))

    assert thumbnail.min() > 250


def assert_transcoded(exhibit: Exhibit, transfer_syntax_uid: str) -> None:
    ds = parsed(retrieve.transcoded(exhibit.pacs, exhibit.ref, transfer_syntax_uid), transfer_syntax_uid)
    original = retrieve.frames(exhibit.pacs, SYSTEM, *exhibit.uids)
    count = len(original.numbers)

    before = pydicom.dcmread(exhibit.path, force=True)
    assert different_elements(before, ds, exhibit.ref.transfer_syntax_uid == BIG_ENDIAN) == []
    for ours, kept in zip(native_frames(ds, count), original.frames, strict=False):
        assert np.array_equal(ours, shown_values(pixel_description(before), kept, original.transfer_syntax_uid))


def film(bits: int = 16) -> tuple[Dataset, list[bytes]]:
    """Three frames, and their bytes."""
    rng = np.random.default_rng(bits)
    if bits == 1:
        ds = make_ct(5, 5, BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0, NumberOfFrames=3)
        frames = rng.integers(0, 2, (3, 25)).astype("u1")
        ds.PixelData = np.packbits(frames, bitorder="little").tobytes()
        return ds, [np.packbits(frame, bitorder="little").tobytes() for frame in frames]
    ds = make_ct(8, 8, NumberOfFrames=3)
    frames = rng.integers(-1000, 1000, (3, 64)).astype("<i2")
    ds.PixelData = frames.tobytes()
    return ds, [frame.tobytes() for frame in frames]


def kept_ref(pacs: Pacs, ds: Dataset) -> retrieve.InstanceRef:
    stored = upload(pacs, ds)
    return retrieve.instances(pacs, SYSTEM, sop=stored.sop_instance_uid)[0]


def uids_of(ref: retrieve.InstanceRef) -> tuple[str, str, str]:
    return ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid


def parsed(data: bytes, transfer_syntax_uid: str) -> Dataset:
    return read_dataset(io.BytesIO(data), transfer_syntax_uid == IMPLICIT, True)


def kept_syntax(exhibit: Exhibit) -> str:
    return retrieve.frames(exhibit.pacs, SYSTEM, *exhibit.uids, [1]).transfer_syntax_uid


def description_said(said: dict[str, Any]) -> PixelDescription:
    keyword: Any = {"integer": "PixelData", "float": "FloatPixelData", "double": "DoubleFloatPixelData"}
    return PixelDescription(
        said["rows"],
        said["columns"],
        said["samples_per_pixel"],
        said["photometric_interpretation"],
        said["planar_configuration"],
        said["bits_allocated"],
        said["bits_stored"],
        said["high_bit"],
        said["signed"],
        keyword[said["pixel_data"]],
    )


def shown_values(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> NDArray[Any]:
    """Stored values, of colours red, green and blue: decoding may change in which colour space they are."""
    values = stored_values(description, decode_frame(description, data, transfer_syntax_uid))
    if description.samples_per_pixel != 3:
        return values
    return rgb_of(description, values, colour_space_of(description, data, transfer_syntax_uid))


def native_frames(ds: Dataset, count: int) -> Iterator[NDArray[Any]]:
    """The first three frames of an uncompressed data set."""
    description = pixel_description(ds)
    value = bytes(ds[description.keyword].value)
    for index in range(min(3, count)):
        if description.bits_allocated == 1:
            size = description.rows * description.columns
            bits = np.unpackbits(np.frombuffer(value, "u1"), bitorder="little")[index * size : (index + 1) * size]
            yield bits.reshape(description.shape)
        else:
            size = len(value) // count
            yield shown_values(description, value[index * size : (index + 1) * size], EXPLICIT)


def different_elements(before: Dataset, after: Dataset, swapped: bool) -> list[str]:
    """Tags of which neither the bytes nor the values are equal; private ones without a VR cannot be swapped."""
    different = []
    for tag in before.keys():  # noqa: SIM118 (iterating a Dataset reads the elements)
        if tag.element == 0 or tag.group == 0x7FE0 or int(tag) in PIXEL_MODULE or (swapped and tag.is_private):
            continue
        if tag not in after:
            different.append(str(tag))
            continue
        raw, other_raw = before.get_item(tag).value, after.get_item(tag).value
        value, other = before[tag].value, after[tag].value
        if not isinstance(value, Sequence):
            if (raw or other_raw) and raw != other_raw and value != other:
                different.append(str(tag))
        elif isinstance(other, Sequence):  # a private one without a VR is bytes
            pairs = zip(value, other, strict=True)
            different += [str(tag) for one, another in pairs if different_elements(one, another, swapped)]
    return different


def test_a_study_streams_at_a_gigabyte_a_second(pacs: Pacs) -> None:
    data = np.zeros((512, 512), "<i2").tobytes()
    for number in range(20):
        upload(pacs, make_ct(512, 512, InstanceNumber=number, PixelData=data))
    refs = retrieve.instances(pacs, SYSTEM, make_uid(1))

    def stream() -> float:
        began = time.perf_counter()
        size = sum(len(chunk) for ref in refs for chunk in retrieve.data_set_chunks(pacs, ref))
        return size / (time.perf_counter() - began)

    assert max(stream() for _ in range(5)) > 200e6  # far less than is measured: the machine may be busy

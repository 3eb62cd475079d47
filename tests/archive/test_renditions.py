"""Frames in HTJ2K are the frames that were stored, come in passes, and can be lost without loss."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from sqlalchemy import func, select, update

from pacs.archive import remove, renditions
from pacs.archive.metadata import series_document
from pacs.archive.passes import frames_in_passes
from pacs.archive.retrieve import viewer_frames
from pacs.context import SYSTEM, Pacs
from pacs.dicom.htj2k import HTJ2K_RPCL
from pacs.dicom.pixels import PixelDescription, decode_frame, stored_values
from pacs.errors import NotFound
from pacs.index.tables import instance, rendition
from pacs.workflow.renditions import JOB
from storage.filesystem import FilesystemStore
from tests.archive.kept import object_keys, rows_of, upload
from tests.archive.museum import PICTURES, Exhibit, empty_index, exhibited
from tests.make import make_ct, make_uid

__all__ = ["empty_index"]

STUDY, SERIES = make_uid(1), make_uid(1, 1)
SIDE = 512
JPEG = "1.2.840.10008.1.2.4."
y, x = np.mgrid[0:SIDE, 0:SIDE]


def slices(count: int, **attributes: Any) -> list[Any]:
    """A series of so many noisy discs, each one larger than the one before."""
    noise = np.random.default_rng(7)
    made = []
    for number in range(count):
        inside = (x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2 < (40 + 10 * number) ** 2
        values = (1000 * inside + noise.normal(0, 5, (SIDE, SIDE)) - 200).astype("<i2")
        ds = make_ct(SIDE, SIDE, InstanceNumber=number + 1, ImagePositionPatient=[0, 0, number], **attributes)
        ds.PixelData = values.tobytes()
        made.append(ds)
    return made


def always() -> bool:
    return True


def document_of(pacs: Pacs, study: str = STUDY, series: str = SERIES) -> Any:
    return json.loads(series_document(pacs, SYSTEM, study, series))


def said(document: Any, index: int) -> Any:
    own: dict[str, Any] = {key: values[index] for key, values in document["per_frame"].items()}
    return own | document["shared"]


def passes(pacs: Pacs, indices: list[int], begin: int, end: int | None) -> dict[int, bytes]:
    revision = document_of(pacs)["revision"]
    return dict(frames_in_passes(pacs, SYSTEM, STUDY, SERIES, indices, revision, begin, end))


def values(frame: dict[str, Any], data: bytes) -> NDArray[Any]:
    """Of a frame as the document says it is encoded, colours as they come."""
    kind = {"integer": "PixelData", "float": "FloatPixelData", "double": "DoubleFloatPixelData"}
    description = PixelDescription(
        frame["rows"],
        frame["columns"],
        frame["samples_per_pixel"],
        frame["photometric_interpretation"],
        frame["planar_configuration"],
        frame["bits_allocated"],
        frame["bits_stored"],
        frame["high_bit"],
        frame["signed"],
        kind[frame["pixel_data"]],  # type: ignore[arg-type]
    )
    return stored_values(description, decode_frame(description, data, frame["transfer_syntax_uid"]))


@pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point
def test_what_the_corpus_has_in_htj2k_is_what_it_had_before(
    empty_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = set()
    for path in PICTURES:
        with exhibited(empty_index, tmp_path_factory.mktemp("exhibit"), path) as exhibit:
            if compared(exhibit):
                made.add(exhibit.ref.transfer_syntax_uid)

    assert len(made) > 6


def compared(exhibit: Exhibit) -> bool:
    """Whether the file has got a rendition; if so, its first and its last frame are proven to be the same."""
    pacs, (study, series, _) = exhibit.pacs, exhibit.uids
    before = document_of(pacs, study, series)
    indices = sorted({0, before["number_of_frames"] - 1})
    stored = dict(viewer_frames(pacs, SYSTEM, study, series, indices)) if before["number_of_frames"] else {}

    renditions.make_some(pacs, always)

    after = document_of(pacs, study, series)
    if before["number_of_frames"] == 0 or said(after, 0)["resolution_ends"] is None:
        assert before == after
        return False
    assert after["revision"] == before["revision"]
    assert dict(viewer_frames(pacs, SYSTEM, study, series, indices)) == stored, "as the first document says"
    anew = dict(frames_in_passes(pacs, SYSTEM, study, series, indices, after["revision"], 0, None))
    for index in indices:
        old, new = said(before, index), said(after, index)
        assert new["transfer_syntax_uid"] == HTJ2K_RPCL
        assert len(anew[index]) == new["size"] == new["resolution_ends"][-1]
        assert np.array_equal(values(new, anew[index]), values(old, stored[index])), exhibit.path
    return True


@pytest.fixture
def series(pacs: Pacs) -> Iterator[Pacs]:
    """A PACS with a series of three that is to be had in HTJ2K."""
    for ds in slices(3):
        upload(pacs, ds)
    renditions.make_some(pacs, always)
    yield pacs


def test_a_low_resolution_comes_first_and_the_rest_later(series: Pacs) -> None:
    ends = said(document_of(series), 1)["resolution_ends"]

    low, rest = passes(series, [1, 2], 0, 2), passes(series, [1, 2], 2, None)

    assert [len(low[1]), len(low[1]) + len(rest[1])] == [ends[1], ends[-1]]
    assert low[1] + rest[1] == passes(series, [1], 0, None)[1]
    assert len(low[1]) < 0.2 * len(low[1] + rest[1])
    whole = imagecodecs.htj2k_decode(low[1] + rest[1])
    small = imagecodecs.htj2k_decode(low[1], skipres=2, resilient=True)
    assert small.shape == (SIDE // 4, SIDE // 4)
    assert np.abs(small.astype(int) - whole[2::4, 2::4]).mean() < 30


def test_a_document_of_before_is_served_as_it_says(pacs: Pacs) -> None:
    for ds in slices(2):
        upload(pacs, ds)
    before = document_of(pacs)
    renditions.make_some(pacs, always)
    upload(pacs, slices(3)[2])

    stored = dict(viewer_frames(pacs, SYSTEM, STUDY, SERIES, [0, 1]))

    assert [said(before, index)["resolution_ends"] for index in (0, 1)] == [None, None]
    assert stored == {index: slices(2)[index].PixelData for index in (0, 1)}
    mixed = document_of(pacs)
    assert [one is None for one in mixed["per_frame"]["resolution_ends"]] == [False, False, True]
    with pytest.raises(NotFound, match="asked for again"):
        passes(pacs, [0, 2], 0, 1)


def test_a_damaged_rendition_is_forgotten_the_original_given_and_another_made(series: Pacs) -> None:
    assert isinstance(series.objects, FilesystemStore)
    revision = document_of(series)["revision"]
    for stored in series.objects.list("renditions"):
        path = series.objects.path(stored.key)
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)

    assert len(passes(series, [1], 0, 2)) == 1, "its low resolutions are as they were"
    with pytest.raises(NotFound, match="asked for again"):
        passes(series, [1], 2, None)

    now = document_of(series)
    assert (now["revision"], now["shared"]["resolution_ends"]) == (revision, None)
    assert dict(viewer_frames(series, SYSTEM, STUDY, SERIES, [1]))[1] == slices(3)[1].PixelData
    renditions.make_some(series, always)
    anew = passes(series, [1], 0, None)[1]
    assert imagecodecs.htj2k_decode(anew).tobytes() == slices(3)[1].PixelData


def test_resolutions_that_are_not_there_are_not_found(series: Pacs) -> None:
    for begin, end in ((0, 5), (5, None), (3, 2)):
        with pytest.raises(NotFound):
            passes(series, [0], begin, end)
    with pytest.raises(NotFound, match="3 frames"):
        passes(series, [3], 0, 1)
    with pytest.raises(NotFound, match="changed"):
        frames_in_passes(series, SYSTEM, STUDY, SERIES, [0], 99, 0, 1)


def test_what_is_not_made_now_is_made_next_time_the_newest_of_the_old_first(pacs: Pacs) -> None:
    for ds in slices(3):
        upload(pacs, ds)
    answers = iter((True, False))

    renditions.make_some(pacs, lambda: next(answers))

    ends = document_of(pacs)["per_frame"]["resolution_ends"]
    assert [one is None for one in ends] == [True, True, False]
    upload(pacs, slices(4)[3])
    while renditions.is_waiting(pacs):
        renditions.make_some(pacs, always)
    assert None not in document_of(pacs)["per_frame"]["resolution_ends"]


def test_an_instance_that_gets_the_number_of_a_removed_one_gets_no_rendition_of_it(pacs: Pacs) -> None:
    upload(pacs, slices(1)[0])
    other = slices(1, StudyInstanceUID=make_uid(2), SeriesInstanceUID=make_uid(2, 1))[0]
    other.PixelData = bytes(len(other.PixelData))

    def replaced() -> bool:
        remove.remove(pacs, SYSTEM, "sent twice", STUDY)
        upload(pacs, other)
        return True

    renditions.make_some(pacs, replaced)

    assert rows_of(pacs, rendition) == []
    renditions.make_some(pacs, always)
    (row,) = rows_of(pacs, rendition)
    assert imagecodecs.htj2k_decode(pacs.objects.get(row.object_key)).max() == 0


def test_what_no_row_names_is_swept_once_it_is_old(series: Pacs) -> None:
    assert isinstance(series.objects, FilesystemStore)
    remove.remove(series, SYSTEM, "sent twice", STUDY)
    keys = object_keys(series, "renditions")
    assert len(keys) == 3
    assert renditions.sweep(series) == 0

    for key in keys:
        os.utime(series.objects.path(key), (0, 0))

    assert renditions.sweep(series) == 3
    assert object_keys(series, "renditions") == set()


def test_a_frame_that_cannot_be_decoded_has_a_reason_and_holds_nothing_up(pacs: Pacs) -> None:
    noise = np.random.default_rng(7).integers(0, 4096, (SIDE, SIDE)).astype("u2")
    damaged = make_ct(SIDE, SIDE, f"{JPEG}90", SOPInstanceUID=make_uid())
    damaged.PixelData = encapsulate([bytes(imagecodecs.jpeg2k_encode(noise, codecformat="j2k", level=0)[:9000])])
    damaged["PixelData"].VR = "OB"
    damaged["PixelData"].is_undefined_length = True
    upload(pacs, slices(1)[0])
    upload(pacs, damaged)

    renditions.make_some(pacs, always)

    assert [row.object_key != "" for row in rows_of(pacs, rendition)] == [True, False]
    assert rows_of(pacs, rendition)[1].why == "the compressed frame is damaged"


def test_who_stores_is_given_way_until_the_first_has_waited_long(pacs: Pacs) -> None:
    upload(pacs, slices(1)[0])
    renditions.make_some(pacs, always)
    for ds in slices(3)[1:]:
        upload(pacs, ds)
    assert JOB.due(pacs) == ("sweep",)

    arrived_before(pacs, timedelta(seconds=2))
    assert JOB.due(pacs) == ("make",)

    arrived_before(pacs, timedelta(), last_only=True)
    assert JOB.due(pacs) == ("sweep",)
    arrived_before(pacs, timedelta(minutes=6))
    arrived_before(pacs, timedelta(), last_only=True)
    assert JOB.due(pacs) == ("make",)

    JOB.run(pacs, "make")
    JOB.run(pacs, "sweep")

    assert JOB.due(pacs) == ()
    assert document_of(pacs)["per_frame"]["resolution_ends"].count(None) == 0


def arrived_before(pacs: Pacs, ago: timedelta, *, last_only: bool = False) -> None:
    """As if the instances had arrived so long ago."""
    with pacs.database.write() as connection:
        newest = connection.scalar(select(func.max(instance.c.pk)))
        which = instance.c.pk == newest if last_only else instance.c.pk > 0
        connection.execute(update(instance).where(which).values(received_at=datetime.now(UTC) - ago))

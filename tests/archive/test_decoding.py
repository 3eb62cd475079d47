"""A frame is decoded once for all who want it, alone, and apart from them."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from pacs.archive import decoding, retrieve
from pacs.context import SYSTEM, Pacs
from pacs.errors import Undecodable
from pacs.sandbox import Sandbox
from tests.archive.kept import upload
from tests.make import make_ct, make_uid

JPEG_LS, JPEG_EXTENDED = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.51"
SIDE, FRAMES, CLIENTS = 128, 5, 8
STUDY, SERIES, SOP = make_uid(4), make_uid(4, 1), make_uid(4, 1, 1)
PICTURES = np.random.default_rng(3).integers(0, 4096, (FRAMES, SIDE, SIDE)).astype("<u2")


def film(syntax: str, encode: Callable[[Any], bytes | bytearray]) -> Dataset:
    ds = make_ct(
        SIDE,
        SIDE,
        syntax,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=SERIES,
        SOPInstanceUID=SOP,
        NumberOfFrames=FRAMES,
        PixelRepresentation=0,
    )
    ds.PixelData = encapsulate([bytes(encode(picture)) for picture in PICTURES])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


@pytest.fixture
def counted(pacs: Pacs) -> Iterator[Pacs]:
    """With a sandbox of its own, which counts what it runs."""
    sandbox = Sandbox()
    yield replace(pacs, sandbox=sandbox)
    sandbox.close()


def decoded(pacs: Pacs, number: int) -> bytes:
    stored = retrieve.frames(pacs, SYSTEM, STUDY, SERIES, SOP, [number])
    return b"".join(retrieve.decoded(pacs, stored).frames)


def all_at_once(ask: Callable[[], bytes]) -> list[bytes | BaseException]:
    together = Barrier(CLIENTS)

    def one() -> bytes:
        together.wait()
        return ask()

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(one) for _ in range(CLIENTS)]
        return [future.exception() or future.result() for future in asked]


def test_eight_clients_that_want_a_frame_cost_one_decoding_of_one_frame(counted: Pacs) -> None:
    upload(counted, film(JPEG_LS, imagecodecs.jpegls_encode))

    assert all_at_once(lambda: decoded(counted, 4)) == [PICTURES[3].tobytes()] * CLIENTS
    assert counted.sandbox.runs == 1
    assert decoded(counted, 4) == PICTURES[3].tobytes()
    assert counted.sandbox.runs == 1
    assert decoded(counted, 2) == PICTURES[1].tobytes()
    assert counted.sandbox.runs == 2


def test_the_viewer_shares_what_no_browser_decodes(counted: Pacs) -> None:
    def encode(picture: Any) -> bytes:
        return bytes(imagecodecs.jpeg8_encode(picture, level=90, bitspersample=12))

    upload(counted, film(JPEG_EXTENDED, encode))

    def ask() -> bytes:
        return b"".join(data for _, data in retrieve.viewer_frames(counted, SYSTEM, STUDY, SERIES, [2]))

    assert all_at_once(ask) == [imagecodecs.jpeg8_decode(encode(PICTURES[2])).tobytes()] * CLIENTS
    assert counted.sandbox.runs == 1


def test_a_damaged_frame_is_told_to_all_and_harms_no_other(counted: Pacs) -> None:
    def encode(picture: Any) -> bytes:
        data = bytearray(imagecodecs.jpegls_encode(picture))
        if picture is PICTURES[0] or np.array_equal(picture, PICTURES[0]):
            data[60:-2] = bytes(len(data) - 62)
        return bytes(data)

    upload(counted, film(JPEG_LS, encode))

    assert {type(one) for one in all_at_once(lambda: decoded(counted, 1))} == {Undecodable}
    assert decoded(counted, 5) == PICTURES[4].tobytes()


def test_what_was_not_wanted_for_longest_is_forgotten(counted: Pacs) -> None:
    upload(counted, film(JPEG_LS, imagecodecs.jpegls_encode))
    for number in range(1, FRAMES + 1):
        decoded(counted, number)
    kept = sorted((counted.settings.data / "cache/frames").glob("*/*"))
    for age, path in enumerate(kept):
        os.utime(path, (age, age))
    decoded(counted, 1)
    size = kept[0].stat().st_size

    decoding.trim(counted, FRAMES * size, 2 * size)
    assert len([path for path in kept if path.exists()]) == FRAMES
    decoding.trim(counted, FRAMES * size - 1, 2 * size)

    assert [path for path in kept if path.exists()] == [kept[0], kept[-1]]
    runs = counted.sandbox.runs
    assert decoded(counted, 1) == PICTURES[0].tobytes()
    assert counted.sandbox.runs == runs

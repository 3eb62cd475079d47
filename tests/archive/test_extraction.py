"""Frames of real multi-frame images, made instances of their own."""

import io
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs.archive.extraction import extract, extracted_chunks
from pacs.archive.ingest import ingest
from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.frame_list import SimpleList
from pacs.dicom.part10 import file_meta
from pacs.errors import NotOfThisClass
from tests.conftest import CORPUS, manifest

EXPLICIT = "1.2.840.10008.1.2.1"
KINDS = (
    "modality/ct-enhanced/",
    "modality/mr-enhanced/",
    "modality/us/",
    "modality/seg/",
    "modality/xa/",
    "modality/nm/",
)
MULTI_FRAME = [
    row["path"]
    for kind in KINDS
    for row in manifest(path=kind, expected="stores")
    if "multifragments" not in row["path"]
]


def kept(pacs: Pacs, path: str) -> Dataset:
    """The corpus' file, which is kept; skipped unless it has several frames."""
    data = (CORPUS / path).read_bytes()
    ds = dcmread(io.BytesIO(data), force=True)
    if int(ds.get("NumberOfFrames") or 1) < 2:
        pytest.skip("a single frame")
    ingest(pacs, SYSTEM, io.BytesIO(data))
    return ds


def made_of(pacs: Pacs, ds: Dataset, numbers: tuple[int, ...], syntax: str = "") -> bytes:
    """The Part 10 file of these frames."""
    (ref,) = instances(pacs, SYSTEM, sop=str(ds.SOPInstanceUID))
    try:
        made = extract(pacs, ref, SimpleList(numbers))
    except NotOfThisClass as error:
        pytest.skip(str(error))
    syntax = syntax or made.transfer_syntax_uid
    return file_meta(ref.sop_class_uid, made.sop_instance_uid, syntax) + b"".join(extracted_chunks(pacs, made, syntax))


@pytest.mark.parametrize("path", MULTI_FRAME)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_frames_of_real_files_are_those_of_the_source(pacs: Pacs, path: str) -> None:
    ds = kept(pacs, path)
    count = int(ds.NumberOfFrames)
    numbers = (1, count)

    kept_syntax, decoded = (dcmread(io.BytesIO(made_of(pacs, ds, numbers, syntax))) for syntax in ("", EXPLICIT))

    assert kept_syntax.NumberOfFrames == decoded.NumberOfFrames == 2
    assert len(decoded.get("PerFrameFunctionalGroupsSequence", [0, 0])) == 2
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        return  # whose pixels decode to what is tested where they are decoded
    frames = ds.pixel_array
    assert np.array_equal(decoded.pixel_array, frames[[0, count - 1]])
    assert np.array_equal(kept_syntax.pixel_array, frames[[0, count - 1]])


def errors_of(path: Path) -> Counter[str]:
    """What David Clunie's validator finds wrong, without the places."""
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False, errors="replace"
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    return Counter(re.sub(r"[0-9]+|<.*", "", line) for line in lines)


@pytest.mark.parametrize("path", MULTI_FRAME[::3])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_made_is_no_worse_than_its_source(pacs: Pacs, path: str, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("no dciodvfy on the path (Debian: apt-get install dicom3tools)")
    ds = kept(pacs, path)
    made = tmp_path / "made.dcm"
    made.write_bytes(made_of(pacs, ds, (1, 2)))

    new = set(errors_of(made) - errors_of(CORPUS / path))

    assert not new

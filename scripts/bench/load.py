"""CT studies to send: 512×512, 16 bit, a body with the noise of a scanner. The same on every run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from scripts.samples.noise import blend, ellipsoid, grain, soft
from tests.make import make_ct, make_uid

SIZE = 512
NOISE_HU = 14.0
NOISE_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Study:
    """A study of one series, as files in one folder."""

    folder: Path
    number: int
    count: int

    @property
    def uid(self) -> str:
        return make_uid(31, self.number)

    @property
    def series_uid(self) -> str:
        return make_uid(31, self.number, 1)

    @property
    def instance_uids(self) -> list[str]:
        return [make_uid(31, self.number, 1, instance) for instance in range(1, self.count + 1)]

    def path_of(self, instance: int) -> Path:
        return self.folder / f"{instance:04d}.dcm"


def studies(folder: Path, counts: list[int], size: int = SIZE) -> list[Study]:
    """Studies of so many instances each; made when they are not there yet."""
    made = []
    for number, count in enumerate(counts, start=1):
        study = Study(folder / f"ct-{size}-{number}-{count}", number, count)
        if not study.path_of(count).exists():
            _write(study, size)
        made.append(study)
    return made


def slices(count: int, size: int, seed: int) -> Iterator[NDArray[np.int16]]:
    """Stored values of a chest from above to below, shape (size, size) each: HU + 1024."""
    random = np.random.default_rng(seed)
    line = np.linspace(-200, 200, size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    texture = grain((size, size), 5, seed)
    noises = [grain((size, size), 0.8, seed + 1 + field) for field in range(NOISE_FIELDS)]
    for number in range(count):
        z = 2 * number / max(1, count - 1) - 1
        image = np.full((size, size), -1000, np.float32)
        blend(image, -95 + 12 * texture, soft(ellipsoid((x, y), (0, 0), (172, 118)), 2))
        blend(image, 50 + 10 * texture, soft(ellipsoid((x, y), (0, 0), (154, 102)), 2))
        for side in (-1, 1):
            lung = ellipsoid((x, y), (76 * side, 4 * z), (58 - 24 * z * z, 80 - 30 * z * z))
            blend(image, -850 + 40 * texture, soft(lung, 2))
        blend(image, 150 + 12 * texture, soft(ellipsoid((x, y), (14, -20), (50 + 10 * z, 44)), 2))
        blend(image, 420 + 60 * texture, soft(ellipsoid((x, y), (0, 72), (20, 18)), 2))
        noise = np.roll(noises[number % NOISE_FIELDS], tuple(random.integers(0, size, 2)), (0, 1))
        yield np.clip(image + NOISE_HU * noise + 1024, 0, 4095).astype("<i2")


def _write(study: Study, size: int) -> None:
    study.folder.mkdir(parents=True, exist_ok=True)
    pixels = slices(study.count, size, study.number)
    for number, (uid, stored) in enumerate(zip(study.instance_uids, pixels, strict=True), start=1):
        _instance(study, uid, number, stored).save_as(study.path_of(number), enforce_file_format=True)


def _instance(study: Study, uid: str, number: int, stored: NDArray[np.int16]) -> Dataset:
    spacing = 400 / len(stored)
    return make_ct(
        *stored.shape,
        SOPInstanceUID=uid,
        StudyInstanceUID=study.uid,
        SeriesInstanceUID=study.series_uid,
        StudyID=str(study.number),
        AccessionNumber=f"ACC{study.number:09d}",
        PatientID=f"{study.number:012d}",
        InstanceNumber=number,
        ImagePositionPatient=[-200, -200, -1.25 * number],
        PixelSpacing=[spacing, spacing],
        SliceThickness="1.25",
        PixelRepresentation=1,
        FrameOfReferenceUID=make_uid(32, study.number),
        PixelData=stored.tobytes(),
    )

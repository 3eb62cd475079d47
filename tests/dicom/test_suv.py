"""Factors to standardised uptake values: from real headers, and what each missing or contradicting fact says."""

import math
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs.dicom.suv import suv_of


def make_pet() -> Dataset:
    """Injected at 11:00 with 370 MBq of F-18, scanned an hour later: 70 kg, 1.75 m, a man."""
    ds = Dataset()
    ds.Modality, ds.Units, ds.DecayCorrection = "PT", "BQML", "START"
    ds.CorrectedImage = ["NORM", "ATTN", "SCAT", "DECY"]
    ds.SeriesDate = ds.AcquisitionDate = "20260102"
    ds.SeriesTime, ds.AcquisitionTime = "120000.000000", "120400.500000"
    ds.PatientWeight, ds.PatientSize, ds.PatientSex = 70, 1.75, "M"
    given = Dataset()
    given.RadionuclideTotalDose, given.RadionuclideHalfLife = 370e6, 6586.2
    given.RadiopharmaceuticalStartTime = "110000"
    ds.RadiopharmaceuticalInformationSequence = [given]
    return ds


def test_the_dose_is_what_was_left_when_the_scan_began() -> None:
    suv = suv_of(make_pet())

    left_bq = 370e6 * 0.5 ** (3600 / 6586.2)
    lean_kg = 1.10 * 70 - 128 * (70 / 175) ** 2
    surface_cm2 = 71.84 * 70**0.425 * 175**0.725
    assert suv is not None
    assert suv["reason"] == ""
    assert suv["bw"] == pytest.approx(70_000 / left_bq, rel=1e-9)
    assert suv["lbm"] == pytest.approx(lean_kg * 1000 / left_bq, rel=1e-9)
    assert suv["bsa"] == pytest.approx(surface_cm2 / left_bq, rel=1e-9)


def test_values_that_are_corrected_to_the_injection_are_divided_by_the_whole_dose() -> None:
    ds = make_pet()
    ds.DecayCorrection = "ADMIN"

    suv = suv_of(ds)

    assert suv is not None
    assert suv["bw"] == pytest.approx(70_000 / 370e6)


def test_an_injection_before_midnight_is_known_by_its_date() -> None:
    ds = make_pet()
    ds.SeriesTime, ds.AcquisitionTime = "003000", "003100"
    ds.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20260101233000.00"

    suv = suv_of(ds)

    assert suv is not None
    assert suv["bw"] == pytest.approx(70_000 / (370e6 * 0.5 ** (3600 / 6586.2)))


def test_philips_counts_have_a_factor_of_their_own() -> None:
    ds = make_pet()
    ds.Units = "CNTS"
    ds.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.000542")

    suv = suv_of(ds)

    assert suv is not None
    assert suv["bw"] == pytest.approx(0.000542)


def test_a_series_made_later_tells_its_scan_in_the_makers_own_attribute() -> None:
    ds = make_pet()
    ds.SeriesTime = "180000"
    ds.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20260102120000.00")

    suv = suv_of(ds)

    assert suv is not None
    assert suv["bw"] == pytest.approx(70_000 / (370e6 * 0.5 ** (3600 / 6586.2)))


def given_of(ds: Dataset) -> Dataset:
    given: Dataset = ds.RadiopharmaceuticalInformationSequence[0]
    return given


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda ds: setattr(ds, "CorrectedImage", ["DECY"]), "not_corrected"),
        (lambda ds: setattr(ds, "DecayCorrection", "NONE"), "decay_correction"),
        (lambda ds: setattr(ds, "Units", "PROPCNTS"), "units"),
        (lambda ds: setattr(ds, "Units", "CNTS"), "units"),
        (lambda ds: setattr(ds, "RadiopharmaceuticalInformationSequence", []), "no_dose"),
        (lambda ds: setattr(given_of(ds), "RadionuclideTotalDose", 0), "no_dose"),
        (lambda ds: delattr(given_of(ds), "RadionuclideHalfLife"), "no_half_life"),
        (lambda ds: delattr(given_of(ds), "RadiopharmaceuticalStartTime"), "no_injection_time"),
        (lambda ds: setattr(given_of(ds), "RadiopharmaceuticalStartTime", "130000"), "injected_later"),
        (lambda ds: setattr(ds, "SeriesTime", "130000"), "no_scan_time"),
        (lambda ds: delattr(ds, "SeriesTime"), "no_scan_time"),
        (lambda ds: setattr(ds, "PatientWeight", None), "no_weight"),
    ],
)
def test_what_is_missing_is_told_and_no_factor_is_made_up(change: Callable[[Dataset], None], reason: str) -> None:
    ds = make_pet()
    change(ds)

    assert suv_of(ds) == {"units": ds.Units, "bw": None, "lbm": None, "bsa": None, "reason": reason}


def test_without_height_or_sex_there_is_the_uptake_by_weight_alone() -> None:
    ds = make_pet()
    ds.PatientSex = "O"
    without_sex = suv_of(ds)
    del ds.PatientSize
    without_height = suv_of(ds)

    assert without_sex is not None and without_height is not None
    assert (without_sex["reason"], without_sex["lbm"]) == ("no_sex", None)
    assert without_sex["bsa"] is not None
    assert (without_height["reason"], without_height["bsa"], without_height["lbm"]) == ("no_height", None, None)
    assert without_height["bw"] == without_sex["bw"]


def test_other_images_have_none() -> None:
    ds = make_pet()
    ds.Modality = "CT"

    assert suv_of(ds) is None


def test_real_headers_give_the_factor_computed_by_hand(corpus: Path) -> None:
    ds = pydicom.dcmread(corpus / "modality/pt/fo-dicom__GH184.dcm", stop_before_pixels=True)
    given = ds.RadiopharmaceuticalInformationSequence[0]

    def seconds(time: object) -> float:
        text = str(time)
        return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:])

    elapsed_s = seconds(ds.SeriesTime) - seconds(given.RadiopharmaceuticalStartTime)
    decayed = float(given.RadionuclideTotalDose) * math.exp(-math.log(2) * elapsed_s / given.RadionuclideHalfLife)

    suv = suv_of(ds)

    assert suv is not None
    assert suv["bw"] == pytest.approx(float(ds.PatientWeight) * 1000 / decayed, rel=1e-6)

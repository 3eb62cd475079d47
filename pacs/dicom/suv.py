"""From the values of a PET image to standardised uptake values, where its header tells enough to be sure.

The way is that of the QIBA FDG-PET/CT profile (vendor neutral pseudo-code): the dose is what was left of it when the
scan began (Decay Correction START) or what was given (ADMIN). What is missing or contradicts itself is told in a word,
and no factor is made up.
"""

import math
from datetime import datetime, timedelta
from typing import Final

from pydicom.dataset import Dataset

from pacs.dicom.series_document import Suv, SuvReason
from pacs.dicom.values import item, number, word, words

PHILIPS: Final = "Philips PET Private Group"
GENERAL_ELECTRIC: Final = "GEMS_PETD_01"
CORRECTED: Final = frozenset(("ATTN", "DECY"))


class _Untold(Exception):
    """The header does not tell what is needed."""

    def __init__(self, reason: SuvReason) -> None:
        self.reason = reason


def suv_of(ds: Dataset) -> Suv | None:
    """The factors of a PET image, or why there are none; None for other images."""
    if word(ds, "Modality") != "PT":
        return None
    units = word(ds, "Units")
    try:
        return _by_unit(ds, units)
    except _Untold as untold:
        return {"units": units, "bw": None, "lbm": None, "bsa": None, "reason": untold.reason}


def _by_unit(ds: Dataset, units: str) -> Suv:
    match units:
        case "GML":
            is_lean = word(ds, "SUVType").startswith("LBM")
            kind = "lbm" if is_lean else "bw"
            return {"units": units, "bw": None, "lbm": None, "bsa": None, "reason": ""} | {kind: 1.0}  # type: ignore[return-value]
        case "CM2ML":
            return {"units": units, "bw": None, "lbm": None, "bsa": 1.0, "reason": ""}
        case "CNTS":
            factor = _private(ds, 0x7053, PHILIPS, 0x00)
            if factor is None or factor <= 0:
                raise _Untold("units")
            return _with_body(ds, units, factor)
        case "BQML":
            _require_corrections(ds)
            return _with_body(ds, units, _weight_kg(ds) * 1000 / _dose_bq(ds))
    raise _Untold("units")


def _with_body(ds: Dataset, units: str, by_weight: float) -> Suv:
    """The factors by lean mass and surface besides that by weight, as far as height and sex are known."""
    suv: Suv = {"units": units, "bw": by_weight, "lbm": None, "bsa": None, "reason": ""}
    weight_kg, height_m = number(ds, "PatientWeight"), number(ds, "PatientSize")
    if weight_kg is None or weight_kg <= 0:
        return suv | {"reason": "no_weight"}
    if height_m is None or not 0.3 < height_m < 2.6:
        return suv | {"reason": "no_height"}
    # Du Bois: m2 of kg and cm; an uptake by surface is told for cm2.
    surface_cm2 = 0.007184 * weight_kg**0.425 * (height_m * 100) ** 0.725 * 10_000
    suv["bsa"] = by_weight * surface_cm2 / (weight_kg * 1000)
    lean_kg = _lean_kg(word(ds, "PatientSex"), weight_kg, height_m)
    if lean_kg is None:
        return suv | {"reason": "no_sex"}
    return suv | {"lbm": by_weight * lean_kg / weight_kg}


def _lean_kg(sex: str, weight_kg: float, height_m: float) -> float | None:
    """Lean body mass by James, with 128 for men."""
    squared = (weight_kg / (height_m * 100)) ** 2
    if sex == "M":
        return 1.10 * weight_kg - 128 * squared
    if sex == "F":
        return 1.07 * weight_kg - 148 * squared
    return None


def _require_corrections(ds: Dataset) -> None:
    if not set(words(ds, "CorrectedImage")) >= CORRECTED:
        raise _Untold("not_corrected")
    if word(ds, "DecayCorrection") not in ("START", "ADMIN"):
        raise _Untold("decay_correction")


def _weight_kg(ds: Dataset) -> float:
    weight_kg = number(ds, "PatientWeight")
    if weight_kg is None or weight_kg <= 0:
        raise _Untold("no_weight")
    return weight_kg


def _dose_bq(ds: Dataset) -> float:
    """The dose that the values are corrected to."""
    given = item(ds, "RadiopharmaceuticalInformationSequence")
    dose_bq = None if given is None else number(given, "RadionuclideTotalDose")
    if given is None or dose_bq is None or dose_bq <= 0:
        raise _Untold("no_dose")
    if word(ds, "DecayCorrection") == "ADMIN":
        return dose_bq
    half_life_s = number(given, "RadionuclideHalfLife")
    if half_life_s is None or half_life_s <= 0:
        raise _Untold("no_half_life")
    scanned = _scan_start(ds)
    elapsed_s = (scanned - _injection(given, scanned)).total_seconds()
    if elapsed_s < 0:
        raise _Untold("injected_later")
    return dose_bq * math.exp(-math.log(2) * elapsed_s / half_life_s)


def _scan_start(ds: Dataset) -> datetime:
    """The time that Decay Correction START corrects to. Of a series made later, its own date and time say nothing."""
    begun = _instant(word(ds, "SeriesDate"), word(ds, "SeriesTime"))
    acquired = _instant(word(ds, "AcquisitionDate"), word(ds, "AcquisitionTime"))
    if begun is not None and acquired is not None and begun <= acquired:
        return begun
    told = _private_text(ds, 0x0009, GENERAL_ELECTRIC, 0x0D)
    at = _instant(told[:8], told[8:])
    if at is None:
        raise _Untold("no_scan_time")
    return at


def _injection(given: Dataset, scanned: datetime) -> datetime:
    told = word(given, "RadiopharmaceuticalStartDateTime")
    at = _instant(told[:8], told[8:]) or _instant(
        scanned.strftime("%Y%m%d"), word(given, "RadiopharmaceuticalStartTime")
    )
    if at is None:
        raise _Untold("no_injection_time")
    return at


def _instant(date: str, time: str) -> datetime | None:
    """DA and TM, or the halves of a DT; what it says of a time zone is left: all times of a scan are in one."""
    whole, _, rest = time.partition(".")
    digits = "".join(letter for letter in rest[:6] if letter.isdigit())
    try:
        at = datetime.strptime(date + whole[:6].ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return at + timedelta(microseconds=int(digits.ljust(6, "0") or 0)) if time else None


def _private(ds: Dataset, group: int, creator: str, element: int) -> float | None:
    try:
        return float(_private_text(ds, group, creator, element))
    except ValueError:
        return None


def _private_text(ds: Dataset, group: int, creator: str, element: int) -> str:
    try:
        value = ds.private_block(group, creator)[element].value
    except Exception:  # no such block, or a value that pydicom cannot read
        return ""
    return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip(" \0")

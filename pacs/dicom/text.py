"""Text of a header as people read it: decoded by its character set, names without their carets."""

import re
from collections.abc import Sequence

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.dicom.charset import character_sets_of, text_of
from pacs.dicom.values import element_of, words

DEFAULT_SETS = ("",)


def character_sets(ds: Dataset, outer: Sequence[str] = DEFAULT_SETS) -> tuple[str, ...]:
    """In which the text of a data set is, or of an item. outer: of what the item is in (PS3.5 7.5.3)."""
    said = words(ds, "SpecificCharacterSet")
    return character_sets_of("\\".join(said)) if said else tuple(outer)


def text(ds: Dataset, keyword: str, sets: Sequence[str] | None = None) -> str:
    """The text of an element on one line, several values joined by commas; "" when absent.

    sets: as of `character_sets`; None: those of the data set itself.
    """
    return re.sub(r"\s+", " ", paragraphs(ds, keyword, sets)).strip()


def paragraphs(ds: Dataset, keyword: str, sets: Sequence[str] | None = None) -> str:
    """The same with its line ends."""
    element = element_of(ds, keyword)
    if element is None or element.value is None:
        return ""
    vr = str(element.VR) if element.VR not in (None, "UN") else dictionary_VR(Tag(keyword))
    value = element.value
    if isinstance(value, bytes):
        value = text_of(value, vr, character_sets(ds) if sets is None else sets)
    elif not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(map(str, value))
    found = str(value)
    if vr == "PN":
        return _name(found)
    return found if vr in ("LT", "ST", "UT") else ", ".join(filter(None, map(str.strip, found.split("\\"))))


def _name(value: str) -> str:
    """The groups of a name one after the other, their components apart by spaces."""
    names = (" ".join(group.replace("^", " ").split()) for group in re.split(r"[=\\]", value))
    return ", ".join(filter(None, names))

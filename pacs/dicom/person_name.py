"""Names as they are searched: without accents, case or order."""

import re
import unicodedata

_BARRED = str.maketrans({"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"})
"""Unicode does not decompose these: NFKD alone would leave `ĐANG ĐUC`. Eth is how a Latin-1 machine writes Đ."""
_SEPARATORS = re.compile(r"[\s^=_]+")


def without_marks(text: str) -> str:
    """The text without accents and other marks, else as it was: `NGUYEN^THI ANH DAO`."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_BARRED)
    return unicodedata.normalize("NFC", plain)  # Hangul is one letter a syllable again, as `?` takes it


def fold(text: str) -> str:
    """One group folded: no marks, no case, `^`, `=` and `_` as spaces, single spaces.

    PS3.4 C.2.2.2.1.1 leaves to the archive whether names match without regard to case and accents; here they do.
    """
    return _SEPARATORS.sub(" ", without_marks(text).casefold()).strip()


def folded(value: str) -> str:
    """A whole PN value folded: its groups (alphabetic, ideographic, phonetic) kept apart by `=`, values by a backslash.

    Empty groups at the end are left out: `A==` is `a`.
    """
    names = ("=".join(map(fold, name.split("="))).rstrip("=") for name in value.split("\\"))
    return "\\".join(names)


def forms(value: str) -> list[tuple[str, bool]]:
    """What a search by beginnings can meet: each group folded (True), and each end of it that begins at a word (False).

    So `an^thi dao` is met by `an…`, `thi…` and `dao…`.
    """
    found: dict[str, bool] = {}
    for group in filter(None, re.split(r"[=\\]", folded(value))):
        found[group] = True
        for space in re.finditer(" ", group):
            found.setdefault(group[space.end() :], False)
    return list(found.items())

"""Vietnamese text in the character sets that DICOM has no term for: recognised by its syllables, and read.

TCVN3 ("ABC": TCVN 5712:1993, VN3) and VNI for Windows are sets of fonts: one byte, or a letter and the byte of its
mark. Windows-1258 is Microsoft's code page. Machines send all three as ISO_IR 100, or say nothing.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

TCVN3, VNI, WINDOWS_1258 = "TCVN3", "VNI", "WINDOWS-1258"
LEGACY_SETS = (TCVN3, VNI, WINDOWS_1258)

ENOUGH = 0.8
"""The share of words with letters beyond ASCII that must be Vietnamese syllables."""
ENOUGH_WORDS = 3
"""Different ones; a common word weighs as much as three, for it is hardly ever anything else."""

GRAVE, HOOK, TILDE, ACUTE, DOT = "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"
CIRCUMFLEX, BREVE, HORN = "\u0302", "\u0306", "\u031b"


@dataclass(frozen=True, slots=True)
class Detected:
    """What the text of a study is probably written in."""

    character_set: str
    confidence: float
    """The share of the words in question that are Vietnamese syllables when they are read so."""


def detect(texts: Iterable[str]) -> Detected | None:
    """The legacy set that texts are in which were read as Latin-1; None when they are what they say.

    A set must explain nearly all words, by more than one of them, and better than Latin-1 does, which has a few
    letters of Vietnamese itself: `LÊ` is right as it is.
    """
    words = {word for text in texts for word in _WORD.findall(text) if not word.isascii() and _is_latin_1(word)}
    if not words:
        return None
    as_read = _score(words, _as_is)
    scores = {name: _score(words, _DECODE_WORD[name]) for name in LEGACY_SETS}
    best = max(LEGACY_SETS, key=lambda name: scores[name])
    good, common = scores[best]
    if good < ENOUGH * len(words) or good + 2 * common < ENOUGH_WORDS or scores[best] <= as_read:
        return None
    return Detected(best, good / len(words))


def decode(data: bytes, character_set: str) -> str:
    """Bytes in one of the legacy sets as text in NFC; a byte that the set does not have is read as Latin-1."""
    if character_set == WINDOWS_1258:
        text = "".join(bytes((byte,)).decode("cp1258", "replace") for byte in data)
        return unicodedata.normalize("NFC", _with_latin_1(text, data))
    text = data.decode("latin_1")
    if character_set == TCVN3:
        return _with_case(text.translate(_TCVN3), text)
    return _from_vni(text)


def encode(text: str, character_set: str) -> bytes:
    """Text in one of the legacy sets, as those machines write it: TCVN3 has no capitals beyond seven letters.

    Raises UnicodeEncodeError for what the set does not have.
    """
    text = unicodedata.normalize("NFC", text)
    if character_set == WINDOWS_1258:
        return "".join(_WINDOWS_1258_PARTS.get(letter, letter) for letter in text).encode("cp1258")
    table = _TO_TCVN3 if character_set == TCVN3 else _TO_VNI
    return "".join(table.get(letter, letter) for letter in text).encode("latin_1")


def is_syllable(word: str) -> bool:
    """Whether a word is built as Vietnamese ones are: an initial, a rhyme, at most one tone that the rhyme can have."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    tones = [mark for mark in decomposed if mark in _TONES]
    plain = unicodedata.normalize("NFC", "".join(letter for letter in decomposed if letter not in _TONES))
    match = _SYLLABLE.fullmatch(plain)
    if match is None or len(tones) > 1:
        return False
    return not plain.endswith(("c", "ch", "p", "t")) or (bool(tones) and tones[0] in (ACUTE, DOT))


def _score(words: set[str], decode_word: Callable[[str], str]) -> tuple[int, int]:
    """How many of the words are syllables, and how many of those are common in names."""
    read = [decode_word(word) for word in words]
    good = [word.lower() for word in read if is_syllable(word)]
    return len(good), sum(word in _COMMON for word in good)


def _as_is(word: str) -> str:
    return word


def _read_as(character_set: str, word: str) -> str:
    return decode(word.encode("latin_1"), character_set)


def _is_latin_1(word: str) -> bool:
    return all(ord(letter) < 256 for letter in word)


def _with_latin_1(text: str, data: bytes) -> str:
    return "".join(chr(byte) if letter == "\ufffd" else letter for letter, byte in zip(text, data, strict=True))


def _with_case(text: str, kept: str) -> str:
    """Capitals given back: their font had the shapes of capitals at the places of small letters.

    A word whose other letters are capitals is in capitals; and where all other words begin with one, so does this.
    """
    has_small, has_capitals = any("a" <= letter <= "z" for letter in kept), any("A" <= letter <= "Z" for letter in kept)
    if has_capitals and not has_small:
        return text.upper()
    text = _WORD_OF_LETTERS.sub(lambda match: _word_with_case(match[0]), text)
    others = [word for word in _WORD_OF_LETTERS.findall(text) if word[0].isascii() or word[0].isupper()]
    if others and all(word[0].isupper() for word in others):
        return _WORD_OF_LETTERS.sub(lambda match: match[0][0].upper() + match[0][1:], text)
    return text


def _word_with_case(word: str) -> str:
    letters = [letter for letter in word if letter.isascii()]
    return word.upper() if len(letters) > 1 and all(letter.isupper() for letter in letters) else word


def _from_vni(text: str) -> str:
    """Marks follow their letters; a mark without one stays as it was."""
    out: list[str] = []
    for letter in text:
        mark = _VNI_MARKS.get(letter.lower())
        if mark and out and _VNI_TAKES[letter.lower()](out[-1]):
            out[-1] = unicodedata.normalize("NFC", out[-1] + mark)
        else:
            out.append(_VNI_LETTERS.get(letter, letter))
    return unicodedata.normalize("NFC", "".join(out))


def _letters(base: str) -> list[str]:
    """A vowel with each tone: grave, hook, tilde, acute, dot below."""
    return [unicodedata.normalize("NFC", base + tone) for tone in _TONES]


_TONES = (GRAVE, HOOK, TILDE, ACUTE, DOT)
_WORD = re.compile("[A-Za-z\x80-\xff]+")
_WORD_OF_LETTERS = re.compile(r"[^\W\d_]+")

_INITIALS = "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
_RHYMES = """
    a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây
    e ec em en eng eo ep et ê êch êm ên êng ênh êp êt êu
    i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip it iu
    o oa oac oach oai oam oan oang oanh oao oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet oi om on ong ooc oong
    op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt
    u ua uân uâng uât uây uc uê uêch uên uênh ui um un ung uôc uôi uôm uôn uông uôt uơ up ut uy uya uych uyên uyêt
    uynh uyt uyu ư ưa ưc ưi ưm ưng ươc ươi ươm ươn ương ươp ươt ươu ưt ưu y yêm yên yêng yêt yêu ynh yt
"""
_SYLLABLE = re.compile(f"(?:{'|'.join(_INITIALS.split())})?(?:{'|'.join(_RHYMES.split())})")

_COMMON_WORDS = """
    nguyễn trần lê phạm hoàng huỳnh phan vũ võ đặng bùi đỗ hồ ngô dương lý đào đoàn vương trịnh trương đinh lâm phùng
    văn thị hữu đức thành đình thế ngọc quốc xuân thuý thúy hương lan hạnh hiền phượng hùng dũng hải sơn tuấn việt
    bình tâm ánh thảo thuỷ thủy yến loan mỹ mai kiều diệu tuyết phúc lộc thọ ngực bụng sọ não chụp phổi bệnh viện
    khoa huyện tỉnh siêu âm
"""
"""The commonest family and middle names, some given ones, and words of radiology and hospitals."""
_COMMON = frozenset(_COMMON_WORDS.split())

_TCVN3_ORDER = (
    "ĂÂÊÔƠƯĐăâêôơưđ",  # from A1 on
    {0xB5: "àảãáạ", 0xBB: "ằẳẵắ", 0xC6: "ặầẩẫấậè", 0xCE: "ẻẽéẹềểễếệìỉ", 0xDC: "ĩíịò"},
    {0xE1: "ỏõóọồổỗốộờởỡớợù", 0xF1: "ủũúụừửữứựỳỷỹýỵ"},
)
"""The letters in the order of their bytes, run by run."""
_TCVN3: dict[int, str] = {
    first + place: letter
    for first, run in {0xA1: _TCVN3_ORDER[0], **_TCVN3_ORDER[1], **_TCVN3_ORDER[2]}.items()
    for place, letter in enumerate(run)
}
_TO_TCVN3 = {letter: chr(byte) for byte, letter in _TCVN3.items()}
_TO_TCVN3 = {letter.upper(): byte for letter, byte in _TO_TCVN3.items()} | _TO_TCVN3

_VNI_TONES = dict(zip("øûõùï", _TONES, strict=True))
_VNI_ROOFS = {"â": CIRCUMFLEX} | dict(zip("àåãáä", (CIRCUMFLEX + tone for tone in _TONES), strict=True))
_VNI_BREVES = {"ê": BREVE} | dict(zip("èúüéë", (BREVE + tone for tone in _TONES), strict=True))
_VNI_MARKS = _VNI_TONES | _VNI_ROOFS | _VNI_BREVES
_VNI_TAKES: dict[str, Callable[[str], bool]] = (
    dict.fromkeys(_VNI_TONES, lambda letter: letter in "aeouyơưAEOUYƠƯ")
    | dict.fromkeys(_VNI_ROOFS, lambda letter: letter in "aeoAEO")
    | dict.fromkeys(_VNI_BREVES, lambda letter: letter in "aA")
)
_VNI_SMALL = {"ô": "ơ", "ö": "ư", "ñ": "đ", "î": "ỵ"} | dict(zip("ìæóíò", "ìỉĩíị", strict=True))
_VNI_LETTERS = _VNI_SMALL | {byte.upper(): letter.upper() for byte, letter in _VNI_SMALL.items()}
_VNI_PAIRS = [
    (unicodedata.normalize("NFC", vowel + mark), base + byte)
    for bases, vowels, marks in (
        ("aeou", "aeou", _VNI_TONES),
        ("y", "y", {byte: mark for byte, mark in _VNI_TONES.items() if mark != DOT}),
        ("ôö", "ơư", _VNI_TONES),
        ("aeo", "aeo", _VNI_ROOFS),
        ("a", "a", _VNI_BREVES),
    )
    for base, vowel in zip(bases, vowels, strict=True)
    for byte, mark in marks.items()
]
_TO_VNI_SMALL = {letter: byte for byte, letter in _VNI_SMALL.items()} | dict(_VNI_PAIRS)
_TO_VNI = _TO_VNI_SMALL | {letter.upper(): pair.upper() for letter, pair in _TO_VNI_SMALL.items()}

_WINDOWS_1258_PARTS = {
    letter: vowel + tone
    for vowel in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
    for tone, letter in zip(_TONES, _letters(vowel), strict=True)
}
"""A letter with a tone as a letter and a combining tone, which is how the code page has them."""

_DECODE_WORD: dict[str, Callable[[str], str]] = {name: partial(_read_as, name) for name in LEGACY_SETS}

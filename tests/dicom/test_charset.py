"""Text in every character set of PS3.3, in the ones that machines pretend, and in none."""

import unicodedata
import warnings
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue

from pacs.dicom.charset import UTF_8, character_sets_of, decode, encode, is_mislabelled_utf8
from pacs.dicom.header import read_header
from pacs.dicom.part10 import read_file_meta
from tests.conftest import manifest

VIETNAMESE = "NGUYỄN^THỊ ÁNH ĐÀO"


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("", "Buc^Jerome"),
        ("ISO_IR 6", "Buc^Jerome"),
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 101", "Wałęsa^Jiří"),
        ("ISO_IR 109", "Ġorġ^Ħ"),
        ("ISO_IR 110", "Bērziņš"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 127", "قباني^لنزار"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 138", "שרון^דבורה"),
        ("ISO_IR 148", "Çavuşoğlu^İ"),
        ("ISO_IR 166", "ภาษาไทย"),
        ("ISO_IR 203", "Œuvre€"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
        ("ISO_IR 192", VIETNAMESE),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("GBK", "Wang^XiaoDong=王^小东"),
    ],
)
def test_a_set_without_code_extensions_goes_both_ways(term: str, text: str) -> None:
    data = encode(text, term)

    assert decode(data, "PN", character_sets_of(term)) == unicodedata.normalize("NFC", text)
    assert decode(data + b" ", "PN", character_sets_of(term)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("character_set", "vr", "value", "text"),
    [  # the examples of PS3.5 H, I and K, and what follows from 6.1.2.5
        (
            "\\ISO 2022 IR 87",
            "PN",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            "PN",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            "\\ISO 2022 IR 149",
            "PN",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        ("\\ISO 2022 IR 149", "LT", b"\x1b$)C\xb1\xe6\xb5\xbf INFO\r\n\x1b$)C\xb1\xe6", "길동 INFO\r\n길"),
        (
            "\\ISO 2022 IR 58",
            "PN",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
        ),
        ("\\ISO 2022 IR 159", "LO", b"\x1b$(D\x30\x21\x1b(B", "丂"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "LO", b"\xe9t\xe9 \x1b-L\xbb\xee", "été Лю"),
        # The backslash and the delimiters of a name take back what was escaped before.
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "LO", b"\x1b-L\xbb\xee\\\xe9t\xe9", "Лю\\été"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "PN", b"\x1b-L\xbb\xee^\xe9t\xe9=\xe9", "Лю^été=é"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "LO", b"\x1b-L\xbb\xee^\xbb", "Лю^Л"),
    ],
)
def test_code_extensions_are_followed(character_set: str, vr: str, value: bytes, text: str) -> None:
    assert decode(value, vr, character_sets_of(character_set)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("character_set", "value", "text"),
    [
        ("", VIETNAMESE.encode(), VIETNAMESE),
        ("", b"J\xe9r\xf4me", "Jérôme"),
        ("ISO_IR 192", b"J\xe9r\xf4me", "Jérôme"),
        ("ISO_IR 6", b"J\xe9r\xf4me", "Jérôme"),
        ("ISO_IR 999", VIETNAMESE.encode(), VIETNAMESE),
        ("WINDOWS-1258", b"J\xe9r\xf4me", "Jérôme"),
        ("GB18030", b"J\xe9", "Jé"),
        ("\\ISO 2022 IR 149", b"\xb1\xe6\xb5\xbf", "길동"),
        ("\\ISO 2022 IR 87", b"\xe9\x1b$B!", "é\x1b$B!"),
        ("ISO_IR 192", "THỊ ÁNH ĐÀO".encode()[:-2], "THỊ ÁNH Đ\ufffd"),  # cut by a machine that counts bytes
        ("", b"", ""),
        ("ISO_IR 192", b"abc\0 ", "abc"),
        ("ISO_IR 192", unicodedata.normalize("NFD", VIETNAMESE).encode(), VIETNAMESE),
    ],
)
def test_what_the_declared_set_cannot_hold_falls_back(character_set: str, value: bytes, text: str) -> None:
    assert decode(value, "LO", character_sets_of(character_set)) == text


@settings(max_examples=300, deadline=None)
@given(
    value=st.binary(max_size=40) | st.text(max_size=10).map(lambda text: b"\x1b$B" + text.encode("utf_8", "ignore")),
    terms=st.lists(
        st.sampled_from(
            [
                "",
                "ISO_IR 100",
                "ISO_IR 13",
                UTF_8,
                "GB18030",
                "GBK",
                "ISO 2022 IR 87",
                "ISO 2022 IR 149",
                "ISO 2022 IR 58",
                "nonsense",
            ]
        ),
        max_size=3,
    ),
    vr=st.sampled_from(["PN", "LO", "LT"]),
)
def test_decoding_never_raises(value: bytes, terms: list[str], vr: str) -> None:
    text = decode(value, vr, character_sets_of("\\".join(terms)))

    assert unicodedata.is_normalized("NFC", text)
    assert "\0" not in text
    text.encode()


@pytest.mark.parametrize(
    ("spelt", "terms"),
    [
        ("", ("",)),
        ("ISO_IR 100", ("ISO_IR 100",)),
        ("ISO 2022 IR 100", ("ISO_IR 100",)),
        ("iso ir 100", ("ISO_IR 100",)),
        ("ISO-IR-192", ("ISO_IR 192",)),
        ("ISO_IR_192 ", ("ISO_IR 192",)),
        ("ISO2022IR87", ("ISO_IR 87",)),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", ("", "ISO_IR 87")),
        ("\\ISO 2022 IR 149", ("", "ISO_IR 149")),
        ("ISO 2022 GBK", ("GBK",)),
        ("ISO 2022 58", ("ISO_IR 58",)),
    ],
)
def test_terms_are_understood_however_they_are_spelt(spelt: str, terms: tuple[str, ...]) -> None:
    assert character_sets_of(spelt) == terms


@pytest.mark.parametrize(
    ("value", "sets", "is_utf8"),
    [
        (VIETNAMESE.encode(), ("ISO_IR 100",), True),
        (VIETNAMESE.encode(), ("",), True),
        (VIETNAMESE.encode(), (), True),
        (VIETNAMESE.encode(), (UTF_8,), False),
        (VIETNAMESE.encode(), ("GB18030",), False),
        (VIETNAMESE.encode(), ("ISO_IR 100", "ISO_IR 87"), False),
        (b"NGUYEN^THI ANH DAO", ("ISO_IR 100",), False),
        ("Jérôme".encode("latin_1"), ("ISO_IR 100",), False),
        ("王^小东".encode("gbk"), ("ISO_IR 100",), False),
    ],
)
def test_utf8_under_a_wrong_name_is_recognised(value: bytes, sets: tuple[str, ...], is_utf8: bool) -> None:
    assert is_mislabelled_utf8(value, sets) == is_utf8


@pytest.mark.parametrize("term", ["", "ISO_IR 6", "ISO_IR 100", "ISO_IR 101"])
def test_a_letter_that_a_set_lacks_is_an_error_and_no_question_mark(term: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        encode(VIETNAMESE, term)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pydicom__chrArab.dcm", "قباني^لنزار"),
        ("pydicom__chrFren.dcm", "Buc^Jérôme"),
        ("pydicom__chrGerm.dcm", "Äneas^Rüdiger"),
        ("pydicom__chrGreek.dcm", "Διονυσιος"),
        ("pydicom__chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("pydicom__chrH32.dcm", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("pydicom__chrHbrw.dcm", "שרון^דבורה"),
        ("pydicom__chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("pydicom__chrRuss.dcm", "Люкceмбypг"),
        ("pydicom__chrX1.dcm", "Wang^XiaoDong=王^小東="),
        ("pydicom__chrX2.dcm", "Wang^XiaoDong=王^小东="),
    ],
)
def test_the_names_of_the_corpus_are_read_right(corpus: Path, file: str, name: str) -> None:
    path = corpus / "charset" / file
    with path.open("rb") as stream:
        meta = read_file_meta(stream.read(1 << 16))
        assert meta is not None
        header = read_header(stream, meta.data_set_offset, path.stat().st_size, meta.transfer_syntax_uid)

    assert header.values["patient_name"] == unicodedata.normalize("NFC", name)


def joined(value: object) -> str:
    """What pydicom split at the backslash."""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value or "")


def test_every_text_of_the_charset_folder_is_decoded_as_pydicom_does(corpus: Path) -> None:
    different: list[tuple[str, ...]] = []
    for row in manifest(path="charset/"):
        with warnings.catch_warnings(action="ignore"):
            ds = pydicom.dcmread(corpus / row["path"], stop_before_pixels=True)
            sets = character_sets_of(joined(ds.get("SpecificCharacterSet", "")))
            for raw in list(map(ds.get_item, ds.keys())):
                if isinstance(raw, RawDataElement) and raw.VR in ("PN", "LO", "SH", "LT", "ST") and raw.value:
                    text = joined(ds[raw.tag].value)
                    ours = decode(raw.value, raw.VR, sets)
                    if ours.rstrip("=") != unicodedata.normalize("NFC", text).rstrip(" "):
                        different.append((row["path"], str(raw.tag), text, ours))

    assert different == []

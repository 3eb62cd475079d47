"""Vietnamese in the sets of old machines, and everybody else's text left alone."""

import shutil
import subprocess
import unicodedata
from collections import Counter

import pytest

from pacs.dicom.vietnamese import LEGACY_SETS, TCVN3, VNI, WINDOWS_1258, decode, detect, encode, is_syllable
from tests.names import vietnamese_names

NAMES = vietnamese_names(1000, seed=1)


@pytest.mark.parametrize(
    ("data", "character_set", "text"),
    [
        (b"Nguy\xd4n V\xa8n", TCVN3, "Nguyễn Văn"),
        (b"NGUY\xd4N^TH\xde \xb8NH \xa7\xb5O", TCVN3, "NGUYỄN^THỊ ÁNH ĐÀO"),
        (b"Nguye\xe3n Va\xean", VNI, "Nguyễn Văn"),
        (b"NGUYE\xc3N^TH\xd2 A\xd9NH \xd1A\xd8O", VNI, "NGUYỄN^THỊ ÁNH ĐÀO"),
        (b"Nguy\xea\xden V\xe3n", WINDOWS_1258, "Nguyễn Văn"),
        (b"NGUY\xca\xdeN^THI\xf2 A\xecNH \xd0A\xccO", WINDOWS_1258, "NGUYỄN^THỊ ÁNH ĐÀO"),
    ],
)
def test_each_set_is_read_as_its_fonts_show_it(data: bytes, character_set: str, text: str) -> None:
    assert decode(data, character_set) == text


@pytest.mark.parametrize("character_set", LEGACY_SETS)
def test_a_name_comes_back_from_every_set(character_set: str) -> None:
    for name in NAMES:
        assert decode(encode(name, character_set), character_set) == name


@pytest.mark.parametrize("character_set", LEGACY_SETS)
def test_a_name_alone_tells_its_set_nearly_always(character_set: str) -> None:
    found = [detect([encode(name, character_set).decode("latin_1")]) for name in NAMES]

    counted = Counter(one.character_set if one else "" for one in found)
    assert counted[character_set] > 0.95 * len(NAMES)
    assert sum(counted[other] for other in LEGACY_SETS) - counted[character_set] <= 0.002 * len(NAMES)


@pytest.mark.parametrize("character_set", LEGACY_SETS)
def test_the_names_in_a_study_tell_its_set_always(character_set: str) -> None:
    for first in range(0, len(NAMES) - 2, 3):
        texts = [encode(name, character_set).decode("latin_1") for name in NAMES[first : first + 3]]
        found = detect(texts)
        assert found is not None, texts
        assert (found.character_set, found.confidence > 0.8) == (character_set, True), texts


def test_the_letters_of_tcvn3_are_those_of_the_c_library() -> None:
    if shutil.which("iconv") is None:
        pytest.skip("no iconv on the path")
    same = (0xFD,)  # ý is where Latin-1 has it
    data = bytes(byte for byte in range(0xA1, 0xFF) if byte in same or decode(bytes((byte,)), TCVN3) != chr(byte))
    command = ["iconv", "-f", "TCVN5712-1", "-t", "UTF-8"]
    text = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()

    assert "".join(decode(bytes((byte,)), TCVN3) for byte in data) == unicodedata.normalize("NFC", text)
    assert len(data) == 74


@pytest.mark.parametrize(
    "texts",
    [
        ["NGUYEN^VAN A", "CT SO NAO"],
        [
            "Buc^Jérôme",
            "Hôpital Saint-Louis",
            "IRM cérébrale sans et avec injection",
            "côté gauche",
            "tête, né le 1er août",
        ],
        ["Müller^Jürgen", "Universitätsklinikum Köln", "Schädel nativ", "Größe", "Äußerer Gehörgang", "Böhm^Jörg"],
        ["Núñez^José María", "Clínica Señora de la Asunción", "Tórax", "Muñoz^Inés", "Peña^Andrés", "cráneo", "Gómez"],
        ["Gonçalves^João", "São Paulo", "Crânio", "Simões^Antônio", "Ressonância magnética", "coração"],
        ["Sørensen^Bjørn", "Åse^Bø", "Ødegård", "Hjärta", "Söderström^Åke", "Lungröntgen"],
        ["Noël^Raphaël", "Léa Zoé Chloé", "Maël", "Gaël", "Thaïs", "Anaïs", "Loïc", "Aïcha^Saïd", "Benoît"],
        ["D'Agostino^Nicolò", "Università di Forlì", "città", "più", "perché"],
        ["LÊ^HÀ", "NGÔ^VÂN", "TÔ^THANH TÚ"],
        ["Nguyễn^Thị Ánh Đào", "CT ngực"],
        ["Wang^XiaoDong=王^小東", "山田^太郎", "Люкceмбypг", "قباني^لنزار"],
        [],
    ],
)
def test_what_is_what_it_says_is_left_alone(texts: list[str]) -> None:
    assert detect(texts) is None
    assert [detect([text]) for text in texts] == [None] * len(texts)


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("Nguyễn", True),
        ("NGHIÊNG", True),
        ("quyết", True),
        ("đào", True),
        ("giường", True),
        ("Quỳnh", True),
        ("các", True),
        ("cac", False),  # a stop has one of two tones, written or not it has one
        ("các\u0300", False),
        ("càc", False),
        ("Müller", False),
        ("ngx", False),
    ],
)
def test_a_syllable_has_an_initial_a_rhyme_and_a_tone_it_can_have(word: str, is_one: bool) -> None:
    assert is_syllable(word) is is_one

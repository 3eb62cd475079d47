"""Names as they are searched."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicom.person_name import fold, folded, forms, without_marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NGUYỄN^THỊ ÁNH ĐÀO", "nguyen thi anh dao"),
        (unicodedata.normalize("NFD", "NGUYỄN^THỊ ÁNH ĐÀO"), "nguyen thi anh dao"),
        ("ĐANG ĐỨC", "dang duc"),
        ("HÒA", "hoa"),
        ("HOÀ", "hoa"),
        ("HỎA", "hoa"),
        ("nguyen_thi__anh_dao", "nguyen thi anh dao"),
        ("  Doe^^John^ ", "doe john"),
        ("Jérôme Œuvrard", "jerome œuvrard"),
        ("Ðào", "dao"),
        ("Straße", "strasse"),
        ("Søren Łukasz", "soren lukasz"),
        ("ﾔﾏﾀﾞ", "ヤマタ"),
        ("한국", "한국"),
        ("王^小東", "王 小東"),
        ("", ""),
        ("^^", ""),
    ],
)
def test_a_name_is_folded(text: str, expected: str) -> None:
    assert fold(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_folding_twice_is_folding_once_and_forms_of_unicode_are_alike(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "yamada tarou=山田 太郎=やまた たろう"),
        ("Wang^XiaoDong=王^小東=", "wang xiaodong=王 小東"),
        ("=山田^太郎", "=山田 太郎"),
        ("Phạm^An\\Lê^Bình", "pham an\\le binh"),
        ("", ""),
    ],
)
def test_groups_and_values_stay_apart(value: str, expected: str) -> None:
    assert folded(value) == expected


def test_a_name_is_met_by_the_beginning_of_each_of_its_words() -> None:
    assert forms("NGUYỄN^THỊ ÁNH ĐÀO=阮 桃") == [
        ("nguyen thi anh dao", True),
        ("thi anh dao", False),
        ("anh dao", False),
        ("dao", False),
        ("阮 桃", True),
        ("桃", False),
    ]
    assert forms("An^An") == [("an an", True), ("an", False)]
    assert forms("An=An An") == [("an", True), ("an an", True)]
    assert forms("") == []


def test_marks_go_and_case_and_structure_stay() -> None:
    assert without_marks("NGUYỄN^Thị Ánh Đào") == "NGUYEN^Thi Anh Dao"

"""What is read from an instance has a column that can hold it."""

import pytest
from sqlalchemy import Integer

from pacs.dicom.attributes import READ_FROM_INSTANCE, Attribute, Level
from pacs.index import tables

TABLES = {
    Level.PATIENT: tables.patient,
    Level.STUDY: tables.study,
    Level.SERIES: tables.series,
    Level.IMAGE: tables.instance,
}


@pytest.mark.parametrize("attribute", READ_FROM_INSTANCE, ids=lambda attribute: attribute.path)
def test_an_attribute_has_its_column_and_numbers_are_numbers_in_it(attribute: Attribute) -> None:
    column = TABLES[attribute.level].c[attribute.column]

    assert isinstance(column.type, Integer) == attribute.is_integer

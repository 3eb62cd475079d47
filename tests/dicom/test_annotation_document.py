"""The document of an annotation is the same to the browser and to the server."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from pacs.dicom.annotation_document import POINTS, Annotation, FramePlace, Kind, PlanePlace, Quantity, Result

TOLD = (Path(__file__).parents[2] / "viewer/src/net/annotation.ts").read_text(encoding="utf-8")


def words_of(pattern: str) -> set[str]:
    """The words in quotation marks of a line."""
    found = re.search(pattern, TOLD)
    assert found is not None, pattern
    return set(re.findall(r'"([^"]+)"', found[1]))


@pytest.mark.parametrize("model", [Annotation, FramePlace, PlanePlace, Result])
def test_both_have_the_same_fields(model: type[BaseModel]) -> None:
    found = re.search(rf"export interface {model.__name__} \{{(.*?)\n\}}", TOLD, re.DOTALL)
    assert found is not None
    assert set(re.findall(r"readonly (\w+):", found[1])) == set(model.model_fields)


def test_both_know_the_same_kinds_and_quantities() -> None:
    assert words_of(r"type AnnotationKind =(.*);") == set(get_args(Kind)) == set(POINTS)
    assert words_of(r"readonly quantity:(.*);") == set(get_args(Quantity))

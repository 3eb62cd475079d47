"""Some attributes out of a data set in the DICOM JSON Model, named by paths into its sequences."""

from collections.abc import Mapping, Sequence
from typing import Any

from pacs.dicom.attributes import creator_tag, is_creator

Step = tuple[int, str]
"""A tag, and the creator of a private one, else ""."""
Path = tuple[Step, ...]
"""Through sequences to an attribute."""


def picked(dataset: Mapping[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    """What is there of the paths, each sequence with those members of its items that they name.

    A private attribute comes with its creator, by the tag that its path has, whatever block it is in.
    """
    found: dict[str, Any] = {}
    for step in dict.fromkeys(path[0] for path in paths):
        tag, creator = step
        element = dataset.get(_key_of(dataset, tag, creator))
        if element is None:
            continue
        inside = [path[1:] for path in paths if path[0] == step]
        if () in inside or not element.get("Value"):
            found[f"{tag:08X}"] = element
        elif element["vr"] == "SQ":
            found[f"{tag:08X}"] = element | {"Value": [picked(item, inside) for item in element["Value"]]}
        if creator:
            found[f"{creator_tag(tag):08X}"] = {"vr": "LO", "Value": [creator]}
    return found


def _key_of(dataset: Mapping[str, Any], tag: int, creator: str) -> str:
    """Where an attribute stands in this data set; "": a private one whose creator has no block here (PS3.5 7.8.1)."""
    if not creator:
        return f"{tag:08X}"
    for key, element in dataset.items():
        place = int(key, 16)
        if place >> 16 == tag >> 16 and is_creator(place) and element.get("Value") == [creator]:
            return f"{tag & 0xFFFF00FF | (place & 0xFF) << 8:08X}"
    return ""

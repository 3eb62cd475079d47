"""Structured reports and key object notes as something to read: HTML, plain text, XML (PS3.18 8.7.4, PS3.3 C.17.3)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal
from xml.etree import ElementTree

from pydicom.dataset import Dataset

from pacs.dicom.text import character_sets, paragraphs, text
from pacs.dicom.values import item, items, numbers, word

TextFormat = Literal["text/html", "text/plain", "text/xml"]
Link = Callable[[str, str, str], str]
"""Where a referenced instance is to be seen, by its study, series and SOP instance UID."""

DEEPEST = 64
"""Levels of content items that are walked: no report has as many, and a hostile one has more."""
XML_CHARACTERS = frozenset("\t\n\r")

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52em;margin:2em auto;padding:0 1em;color:#1a1a1a;background:#fff}
h1{font-size:1.5em}table{border-collapse:collapse;margin:0 0 1.5em}
th{text-align:left;font-weight:600;padding-right:1.5em;vertical-align:top}
ul{list-style:none;padding-left:1.25em;border-left:2px solid #ddd}section>ul{border:0;padding:0}
li{margin:.35em 0}.concept{font-weight:600}.text{white-space:pre-wrap}.code,.unit,.how{color:#555;font-size:.9em}
@media print{body{margin:0}}
"""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8)."""

    meaning: str
    value: str = ""
    scheme: str = ""


NO_CODE = Code("")


@dataclass(frozen=True, slots=True)
class Referenced:
    """An instance that a content item names (PS3.3 C.17.3.5)."""

    sop_class_uid: str
    sop_instance_uid: str
    frames: tuple[int, ...]
    """Empty: all of it."""


@dataclass(frozen=True, slots=True)
class Graphic:
    """Points of an image, or in space (PS3.3 C.18.6, C.18.9)."""

    kind: str
    """POINT, POLYLINE, CIRCLE, ..."""
    points: tuple[float, ...]
    """Column and row one after the other; in space x, y and z in mm."""
    frame_of_reference_uid: str = ""
    """Of points in space."""


@dataclass(frozen=True, slots=True)
class Content:
    """A content item, and what stands below it (PS3.3 C.17.3.2)."""

    kind: str
    """Its value type: TEXT, NUM, CODE, CONTAINER, ..."""
    relationship: str
    concept: Code
    value: str
    """As it is read."""
    code: Code = NO_CODE
    """Of the value, where that is a code; of the unit, where it is a number."""
    reference: tuple[str, str, str] | None = None
    """Study, series and SOP instance UID of what is shown."""
    referenced: Referenced | None = None
    """What is named, whether or not it is known where that is."""
    graphic: Graphic | None = None
    children: tuple["Content", ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: of whom it is, and its content."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Label and value."""
    content: Content


def report_of(ds: Dataset) -> Report:
    """The report in a data set; what is missing or broken in it is left out."""
    sets = character_sets(ds)
    content = _content(ds, sets, _evidence(ds), 0)
    title = content.concept.meaning or text(ds, "SeriesDescription", sets) or "Report"
    return Report(title, tuple(_facts(ds, sets)), content)


def written(report: Report, form: TextFormat, link: Link) -> bytes:
    """The report in UTF-8, as a page of its own without scripts, as indented lines, or as elements."""
    match form:
        case "text/plain":
            return "\n".join(_lines(report)).encode()
        case "text/xml":
            return _xml(report)
        case _:
            return _html(report, link).encode()


def _facts(ds: Dataset, sets: Sequence[str]) -> Iterator[tuple[str, str]]:
    labels = {
        "Patient": "PatientName",
        "Patient ID": "PatientID",
        "Born": "PatientBirthDate",
        "Sex": "PatientSex",
        "Study": "StudyDescription",
        "Study date": "StudyDate",
        "Accession number": "AccessionNumber",
        "Referred by": "ReferringPhysicianName",
        "Made": "ContentDate",
        "Completion": "CompletionFlag",
        "Verification": "VerificationFlag",
    }
    for label, keyword in labels.items():
        if value := text(ds, keyword, sets):
            yield label, _date(value) if keyword.endswith("Date") else value
    for observer in items(ds, "VerifyingObserverSequence"):
        if name := text(observer, "VerifyingObserverName", character_sets(observer, sets)):
            yield "Verified by", name


def _content(ds: Dataset, sets: Sequence[str], evidence: Mapping[str, tuple[str, str]], depth: int) -> Content:
    sets = character_sets(ds, sets)
    kind = word(ds, "ValueType")
    value, code = _value(ds, kind, sets)
    children: tuple[Content, ...] = ()
    if depth < DEEPEST:
        below = items(ds, "ContentSequence")
        children = tuple(_content(child, sets, evidence, depth + 1) for child in below if isinstance(child, Dataset))
    concept = _code(ds, "ConceptNameCodeSequence", sets)
    reference, graphic = _reference(ds, evidence), _graphic(ds, kind)
    relationship, named = word(ds, "RelationshipType"), _named(ds)
    return Content(kind, relationship, concept, value, code, reference, named, graphic, children)


def _value(ds: Dataset, kind: str, sets: Sequence[str]) -> tuple[str, Code]:
    match kind:
        case "TEXT":
            return paragraphs(ds, "TextValue", sets).strip(), NO_CODE
        case "CODE":
            code = _code(ds, "ConceptCodeSequence", sets)
            return code.meaning, code
        case "NUM":
            return _measured(ds, sets)
        case "PNAME":
            return text(ds, "PersonName", sets), NO_CODE
        case "DATE":
            return _date(word(ds, "Date")), NO_CODE
        case "TIME":
            return _time(word(ds, "Time")), NO_CODE
        case "DATETIME":
            moment = word(ds, "DateTime")
            return f"{_date(moment[:8])} {_time(moment[8:])}".strip(), NO_CODE
        case "UIDREF":
            return word(ds, "UID"), NO_CODE
        case "SCOORD" | "SCOORD3D":
            points = " ".join(f"{one:g}" for one in numbers(ds, "GraphicData"))
            return f"{word(ds, 'GraphicType')} {points}".strip(), NO_CODE
        case "TCOORD":
            return word(ds, "TemporalRangeType"), NO_CODE
        case "IMAGE" | "COMPOSITE" | "WAVEFORM":
            referenced = item(ds, "ReferencedSOPSequence")
            return ("", NO_CODE) if referenced is None else (_referenced(referenced), NO_CODE)
        case _:
            path = numbers(ds, "ReferencedContentItemIdentifier", "UL")
            return ("see item " + ".".join(f"{one:.0f}" for one in path) if path else ""), NO_CODE


def _measured(ds: Dataset, sets: Sequence[str]) -> tuple[str, Code]:
    """A number, or why there is none."""
    measured = item(ds, "MeasuredValueSequence")
    if measured is None:
        return _code(ds, "NumericValueQualifierCodeSequence", sets).meaning, NO_CODE
    return word(measured, "NumericValue"), _code(measured, "MeasurementUnitsCodeSequence", sets)


def _code(ds: Dataset, keyword: str, sets: Sequence[str]) -> Code:
    found = item(ds, keyword)
    if found is None:
        return NO_CODE
    value = next(filter(None, (text(found, name, sets) for name in ("CodeValue", "LongCodeValue", "URNCodeValue"))), "")
    return Code(text(found, "CodeMeaning", sets) or value, value, text(found, "CodingSchemeDesignator", sets))


def _referenced(referenced: Dataset) -> str:
    frames = [f"{one:.0f}" for one in numbers(referenced, "ReferencedFrameNumber")]
    uid = word(referenced, "ReferencedSOPInstanceUID")
    return f"{uid} frame {', '.join(frames)}" if frames else uid


def _reference(ds: Dataset, evidence: Mapping[str, tuple[str, str]]) -> tuple[str, str, str] | None:
    referenced = item(ds, "ReferencedSOPSequence")
    uid = word(referenced, "ReferencedSOPInstanceUID") if referenced is not None else ""
    return (*evidence[uid], uid) if uid in evidence else None


def _named(ds: Dataset) -> Referenced | None:
    referenced = item(ds, "ReferencedSOPSequence")
    if referenced is None:
        return None
    frames = tuple(int(one) for one in numbers(referenced, "ReferencedFrameNumber"))
    return Referenced(word(referenced, "ReferencedSOPClassUID"), word(referenced, "ReferencedSOPInstanceUID"), frames)


def _graphic(ds: Dataset, kind: str) -> Graphic | None:
    if kind not in ("SCOORD", "SCOORD3D"):
        return None
    space = word(ds, "ReferencedFrameOfReferenceUID") if kind == "SCOORD3D" else ""
    return Graphic(word(ds, "GraphicType"), numbers(ds, "GraphicData"), space)


def _evidence(ds: Dataset) -> dict[str, tuple[str, str]]:
    """Study and series of each instance that the report is about (PS3.3 C.17.2.3)."""
    found: dict[str, tuple[str, str]] = {}
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in items(ds, keyword):
            for series in items(study, "ReferencedSeriesSequence"):
                for one in items(series, "ReferencedSOPSequence"):
                    where = word(study, "StudyInstanceUID"), word(series, "SeriesInstanceUID")
                    found[word(one, "ReferencedSOPInstanceUID")] = where
    return found


def _lines(report: Report) -> Iterator[str]:
    yield report.title
    yield ""
    yield from (f"{label}: {value}" for label, value in report.facts)
    yield ""
    for child in report.content.children:
        yield from _lines_of(child, 0)


def _lines_of(content: Content, depth: int) -> Iterator[str]:
    said = ": ".join(filter(None, (content.concept.meaning, _with_unit(content))))
    first, *more = said.split("\n")
    yield "  " * depth + first
    yield from ("  " * (depth + 1) + line.strip() for line in more)
    for child in content.children:
        yield from _lines_of(child, depth + 1)


def _html(report: Report, link: Link) -> str:
    facts = "".join(f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in report.facts)
    title = escape(report.title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1><table>{facts}</table>"
        f"<section>{_html_list(report.content.children, link)}</section></body></html>"
    )


def _html_list(contents: Sequence[Content], link: Link) -> str:
    return f"<ul>{''.join(_html_of(one, link) for one in contents)}</ul>" if contents else ""


def _html_of(content: Content, link: Link) -> str:
    concept = f'<span class="concept">{escape(content.concept.meaning)}</span> ' if content.concept.meaning else ""
    value = escape(content.value)
    if content.reference is not None:
        value = f'<a href="{escape(link(*content.reference))}">{value}</a>'
    elif content.kind == "TEXT":
        value = f'<span class="text">{value}</span>'
    unit = f' <span class="unit">{escape(unit_of(content))}</span>' if unit_of(content) else ""
    coded = content.code if content.kind == "CODE" else NO_CODE
    how = f' <span class="code">({escape(f"{coded.value}, {coded.scheme}")})</span>' if coded.value else ""
    return f"<li>{concept}{value}{unit}{how}{_html_list(content.children, link)}</li>"


def _xml(report: Report) -> bytes:
    root = ElementTree.Element("report", {"title": _xml_text(report.title)})
    for label, value in report.facts:
        ElementTree.SubElement(root, "fact", {"name": label}).text = _xml_text(value)
    for child in report.content.children:
        _add_xml(root, child)
    found: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return found


def _add_xml(parent: ElementTree.Element, content: Content) -> None:
    named = {"type": content.kind, "relationship": content.relationship, **_coded("concept", content.concept)}
    named |= _coded("unit" if content.kind == "NUM" else "code", content.code)
    if content.reference is not None:
        named["study"], named["series"], named["instance"] = content.reference
    attributes = {name: _xml_text(value) for name, value in named.items() if value}
    element = ElementTree.SubElement(parent, "item", attributes)
    if content.value:
        ElementTree.SubElement(element, "value").text = _xml_text(content.value)
    for child in content.children:
        _add_xml(element, child)


def _coded(name: str, code: Code) -> dict[str, str]:
    return {name: code.meaning, f"{name}-value": code.value, f"{name}-scheme": code.scheme}


def _xml_text(value: str) -> str:
    """Without the characters that XML 1.0 does not have."""
    return "".join(one for one in value if (one >= " " and one not in "\ufffe\uffff") or one in XML_CHARACTERS)


def _with_unit(content: Content) -> str:
    return f"{content.value} {unit_of(content)}".strip()


def unit_of(content: Content) -> str:
    """Of a number: UCUM says 1 and {…} of what has none."""
    code = content.code
    if content.kind != "NUM" or not content.value or code.value in ("", "1") or code.value.startswith("{"):
        return ""
    return code.value if code.scheme == "UCUM" else code.meaning


def _date(value: str) -> str:
    """DA as ISO 8601 has it; what is no DA as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdecimal() else value


def _time(value: str) -> str:
    return f"{value[:2]}:{value[2:4]}" if len(value) >= 4 and value[:4].isdecimal() else value

"""What was drawn and marked is published as DICOM that others read, of the same patient, to the sub-pixel."""

import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs.archive.ingest import ingest
from pacs.archive.recovery import reindex
from pacs.archive.retrieve import instances, whole_file
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.annotation_document import Annotation, FramePlace
from pacs.errors import NotAllowed, NotInThisState
from pacs.workflow import annotations, publishing
from pacs.workflow.publishing import Publication, Window
from tests.annotation import POINTS, make_annotation, make_plane_annotation, place_on
from tests.make import make_ct, make_uid, part10

READER = replace(SYSTEM, kind="person", name="bs.an")
COLLEAGUE = replace(SYSTEM, kind="person", name="bs.bình")
IMAGE_REGION, LENGTH, ANGLE, COBB = "111030", "410668003", "1483009", "285285000"


def store(pacs: Pacs, ds: Dataset) -> Dataset:
    ingest(pacs, SYSTEM, part10(ds))
    return ds


@pytest.fixture
def ct(pacs: Pacs) -> Dataset:
    return store(pacs, make_ct(FrameOfReferenceUID=make_uid(1, 9), IssuerOfPatientID="BỆNH VIỆN"))


def draw(pacs: Pacs, drawn: dict[str, Any], actor: Actor = READER, version: int | None = None) -> dict[str, Any]:
    study = drawn["place"]["study_instance_uid"]
    annotations.keep(pacs, actor, study, Annotation.model_validate(drawn), version)
    return drawn


def star(pacs: Pacs, ds: Dataset, frame_number: int = 1) -> None:
    place = FramePlace(on="frame", **place_on(ds, frame_number))
    annotations.mark(pacs, READER, ds.StudyInstanceUID, make_annotation(ds)["id"], place)


def publish(pacs: Pacs, ds: Dataset, actor: Actor = READER, windows: Sequence[Window] = ()) -> list[Publication]:
    return publishing.publish(pacs, actor, ds.StudyInstanceUID, language="vi", title="of-interest", windows=windows)


def published(pacs: Pacs, made: Sequence[Publication], kind: str) -> list[Dataset]:
    """The objects as anybody retrieves them."""
    uids = [one.sop_instance_uid for one in made if one.kind == kind]
    files = [whole_file(pacs, instances(pacs, SYSTEM, sop={uid})[0]) for uid in uids]
    return [pydicom.dcmread(io.BytesIO(file)) for file in files]


def groups(report: Dataset) -> list[Dataset]:
    (found,) = (one for one in report.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == "126010")
    return list(found.ContentSequence)


def all_items(ds: Dataset) -> list[Dataset]:
    below = [one for item in ds.get("ContentSequence", []) for one in all_items(item)]
    return [ds, *below]


def graphics(group: Dataset) -> list[list[list[float]]]:
    """The points of its coordinates, in their order; those of several measurements once."""
    size = {"SCOORD": 2, "SCOORD3D": 3}
    found = [one for one in all_items(group) if one.get("ValueType") in size]
    points = [np.reshape(one.GraphicData, (-1, size[one.ValueType])).tolist() for one in found]
    return [one for index, one in enumerate(points) if one not in points[:index]]


def single(points: Any) -> Any:
    """As 32-bit floats, which is what the standard has."""
    return np.array(points, np.float32).astype(float).tolist()


def expected_lines(kind: str) -> list[Any]:
    points = POINTS[kind]
    match kind:
        case "cobb":
            return [points[:2], points[2:]]
        case "rectangle":
            (left, top), (right, bottom) = points
            return [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]]
        case "freehand":
            return [[*points, points[0]]]
        case _:
            return [points]


@pytest.mark.parametrize("kind", POINTS)
def test_a_report_has_every_point_and_number_of_its_frame(pacs: Pacs, ct: Dataset, kind: str) -> None:
    drawn = draw(pacs, make_annotation(ct, kind))

    (report,) = published(pacs, publish(pacs, ct), "sr")

    (group,) = groups(report)
    assert graphics(group) == single(expected_lines(kind))
    images = [one.ReferencedSOPSequence[0] for one in all_items(group) if one.get("ValueType") == "IMAGE"]
    assert {one.ReferencedSOPInstanceUID for one in images} == {ct.SOPInstanceUID}
    numbers = [one for one in all_items(group) if one.get("ValueType") == "NUM"]
    values = [one.MeasuredValueSequence[0].FloatingPointValue for one in numbers]
    assert values == [one["value"] for one in drawn["results"]]
    uids = [one.UID for one in all_items(group) if one.get("ValueType") == "UIDREF"]
    assert uids == [f"2.25.{int(drawn['id'].replace('-', ''), 16)}"]
    texts = [one.TextValue for one in all_items(group) if one.get("ValueType") == "TEXT"]
    assert not drawn["text"] or drawn["text"] in texts
    assert all(any(one["source"] in text for text in texts) for one in drawn["results"])
    assert any("not measured in the body" in text for text in texts) == (kind == "rectangle")


def test_the_longer_axis_of_an_ellipse_comes_first(pacs: Pacs, ct: Dataset) -> None:
    draw(pacs, make_annotation(ct, "ellipse", points=[[3, 4], [5, 4], [4, 1], [4, 7]]))
    made = publish(pacs, ct)
    (report,), (state,) = published(pacs, made, "sr"), published(pacs, made, "gsps")
    assert graphics(groups(report)[0]) == [[[4, 1], [4, 7], [3, 4], [5, 4]]]
    assert state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData == [4, 1, 4, 7, 3, 4, 5, 4]


def test_an_index_made_anew_keeps_what_was_drawn_and_published(pacs: Pacs, ct: Dataset) -> None:
    drawn = draw(pacs, make_annotation(ct))
    star(pacs, ct)
    made = publish(pacs, ct)
    reindex(pacs)
    assert [one.annotation.id for one in annotations.annotations(pacs, READER, ct.StudyInstanceUID)] == [drawn["id"]]
    assert len(annotations.key_images(pacs, READER, ct.StudyInstanceUID)) == 1
    assert publish(pacs, ct) == publishing.publications(pacs, READER, ct.StudyInstanceUID) == made


def test_highdicom_reads_the_report_as_it_was_meant(pacs: Pacs, ct: Dataset) -> None:
    for kind in ("length", "cobb", "ellipse"):
        draw(pacs, make_annotation(ct, kind))
    (ds,) = published(pacs, publish(pacs, ct), "sr")

    content = highdicom.sr.ComprehensiveSR.from_dataset(ds).content

    assert isinstance(content, highdicom.sr.MeasurementReport)
    (roi,) = content.get_planar_roi_measurement_groups()
    assert single(POINTS["ellipse"]) == roi.roi.value.tolist()
    said = [
        (one.name.meaning, one.derivation and one.derivation.meaning, one.unit.value) for one in roi.get_measurements()
    ]
    assert said == [
        ("Area", None, "mm2"),
        ("Attenuation Coefficient", "Mean", "[hnsf'U]"),
        ("Attenuation Coefficient", "Standard Deviation", "[hnsf'U]"),
        ("Attenuation Coefficient", "Minimum", "[hnsf'U]"),
        ("Attenuation Coefficient", "Maximum", "[hnsf'U]"),
    ]
    length, cobb = content.get_image_measurement_groups()
    assert [one.name.value for one in (*length.get_measurements(), *cobb.get_measurements())] == [LENGTH, COBB]
    assert [one.value for one in cobb.get_measurements()[0].referenced_coordinates]
    (person,) = content.get_observer_contexts(observer_type=pydicom.sr.codedict.codes.DCM.Person)
    assert person.observer_identifying_attributes.login_name == "bs.an"


@pytest.mark.parametrize("kind", ["length", "angle", "cobb", "freehand", "probe", "text", "arrow", "ellipse"])
def test_on_a_plane_the_points_are_in_the_patient(pacs: Pacs, ct: Dataset, kind: str) -> None:
    drawn = draw(pacs, make_plane_annotation(ct, kind))

    made = publish(pacs, ct)

    assert [one.kind for one in made] == ["sr"], "a presentation state has no images for it"
    (report,) = published(pacs, made, "sr")
    assert report.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    flat = [point for line in graphics(groups(report)[0]) for point in line]
    assert flat[: len(drawn["points"])] == single(drawn["points"])
    frames_of_reference = [one.ReferencedFrameOfReferenceUID for one in all_items(report) if "GraphicData" in one]
    assert set(frames_of_reference) == {ct.FrameOfReferenceUID}


def test_what_is_published_is_of_the_patient_and_study_as_they_are_kept(pacs: Pacs, ct: Dataset) -> None:
    for kind in ("length", "text"):
        draw(pacs, make_annotation(ct, kind))
    star(pacs, ct)

    made = publish(pacs, ct)

    assert [one.kind for one in made] == ["sr", "gsps", "kos"]
    for kind in ("sr", "gsps", "kos"):
        (ds,) = published(pacs, made, kind)
        for keyword in ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
            assert (keyword, str(ds[keyword].value)) == (keyword, str(ct[keyword].value))
        for keyword in ("StudyInstanceUID", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyTime"):
            assert (keyword, str(ds[keyword].value)) == (keyword, str(ct[keyword].value))
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        assert (ds.Manufacturer, ds.SeriesInstanceUID != ct.SeriesInstanceUID) == ("Filmless", True)
    with pacs.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from attention").scalar() == 0


def test_a_name_in_bytes_that_say_they_are_latin_is_told_as_the_index_reads_it(pacs: Pacs) -> None:
    ds = make_ct(ReferringPhysicianName="", StudyDescription="")
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = "NGUYỄN^ÁNH".encode().decode("latin_1")
    ds.PatientSex, ds.PatientBirthDate = "", ""
    store(pacs, ds)
    draw(pacs, make_annotation(ds, "text"))

    for one in [*published(pacs, publish(pacs, ds), "sr"), *published(pacs, publish(pacs, ds), "gsps")]:
        assert str(one.PatientName) == "NGUYỄN^ÁNH"
        assert one.PatientBirthDate == ""


def test_a_presentation_state_has_lines_texts_and_window_of_its_images(pacs: Pacs, ct: Dataset) -> None:
    for kind in POINTS:
        draw(pacs, make_annotation(ct, kind))

    (state,) = published(pacs, publish(pacs, ct, windows=[Window(ct.SeriesInstanceUID, -600.5, 1500.0)]), "gsps")

    (voi,) = state.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth) == (-600.5, 1500)
    assert (state.RescaleSlope, state.RescaleIntercept, state.PresentationLUTShape) == (1, -1024, "IDENTITY")
    (area,) = state.DisplayedAreaSelectionSequence
    assert (area.DisplayedAreaBottomRightHandCorner, area.PresentationPixelSpacing) == ([8, 8], [1, 1])
    (on_frame,) = state.GraphicAnnotationSequence
    assert on_frame.ReferencedImageSequence[0].ReferencedSOPInstanceUID == ct.SOPInstanceUID
    drawn = [np.reshape(one.GraphicData, (-1, 2)).tolist() for one in on_frame.GraphicObjectSequence]
    wanted = [line for kind in POINTS if kind != "text" for line in expected_lines(kind)]
    assert sorted(drawn) == sorted(single(wanted_line) for wanted_line in wanted)
    texts = [one.UnformattedTextValue for one in on_frame.TextObjectSequence]
    assert "Nốt mờ thùy trên phổi phải" in texts
    assert "6.62 mm" in texts
    assert any("mean -987.5 HU" in one for one in texts)
    assert state.ContentCreatorName == "bs.an^"


def test_images_that_look_otherwise_are_in_states_of_their_own(pacs: Pacs, ct: Dataset) -> None:
    same_study = {"StudyInstanceUID": ct.StudyInstanceUID, "IssuerOfPatientID": ct.IssuerOfPatientID}
    like = store(pacs, make_ct(InstanceNumber=2, SeriesInstanceUID=ct.SeriesInstanceUID, **same_study))
    pet = store(pacs, make_ct(SeriesInstanceUID=make_uid(), RescaleSlope=2.5, RescaleIntercept=0, **same_study))
    colour = make_ct(SeriesInstanceUID=make_uid(), PhotometricInterpretation="RGB", SamplesPerPixel=3, **same_study)
    colour.BitsAllocated = colour.BitsStored = 8
    colour.HighBit, colour.PixelRepresentation, colour.PlanarConfiguration = 7, 0, 0
    colour.PixelData = bytes(8 * 8 * 3)
    store(pacs, colour)
    for image in (ct, like, pet, colour):
        draw(pacs, make_annotation(image))

    states = published(pacs, publish(pacs, ct), "gsps")

    shown = {
        str(state.SOPClassUID.name): [
            one.ReferencedSOPInstanceUID for one in state.ReferencedSeriesSequence[0].ReferencedImageSequence
        ]
        for state in states
        if "RescaleSlope" not in state or state.RescaleSlope == 1
    }
    assert shown == {
        "Grayscale Softcopy Presentation State Storage": [ct.SOPInstanceUID, like.SOPInstanceUID],
        "Color Softcopy Presentation State Storage": [colour.SOPInstanceUID],
    }
    (of_pet,) = (state for state in states if state.get("RescaleSlope") == 2.5)
    assert [one.SeriesInstanceUID for one in of_pet.ReferencedSeriesSequence] == [pet.SeriesInstanceUID]


def test_frames_of_a_multi_frame_image_are_named(pacs: Pacs) -> None:
    frames = make_ct(
        SOPClassUID=pydicom.uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage, NumberOfFrames=3, Modality="OT"
    )
    frames.BitsAllocated = frames.BitsStored = 8
    frames.HighBit, frames.PixelRepresentation = 7, 0
    frames.PixelData = bytes(3 * 64)
    frames.file_meta.MediaStorageSOPClassUID = frames.SOPClassUID
    store(pacs, frames)
    draw(pacs, make_annotation(frames, place={"on": "frame", **place_on(frames, 1)}))
    draw(pacs, make_annotation(frames, "ellipse", place={"on": "frame", **place_on(frames, 3)}))
    for number in (3, 2):
        star(pacs, frames, number)

    made = publish(pacs, frames)

    (report,), (state,), (selection,) = (published(pacs, made, kind) for kind in ("sr", "gsps", "kos"))
    said = [one.ReferencedSOPSequence[0] for one in all_items(report) if one.get("ValueType") == "IMAGE"]
    assert [one.ReferencedFrameNumber for one in said] == [1, 3]
    shown = [one.ReferencedImageSequence[0] for one in state.GraphicAnnotationSequence]
    assert [one.ReferencedFrameNumber for one in shown] == [1, 3]
    (key,) = [one for one in selection.ContentSequence if one.ValueType == "IMAGE"]
    assert key.ReferencedSOPSequence[0].ReferencedFrameNumber == [2, 3]


def test_key_images_are_selected_by_who_marked_them(pacs: Pacs, ct: Dataset) -> None:
    star(pacs, ct)
    (selection,) = published(pacs, publish(pacs, ct), "kos")
    document = highdicom.ko.KeyObjectSelectionDocument.from_dataset(selection)
    assert document.resolve_reference(ct.SOPInstanceUID) == (
        ct.StudyInstanceUID,
        ct.SeriesInstanceUID,
        ct.SOPInstanceUID,
    )
    assert selection.ConceptNameCodeSequence[0].CodeValue == "113000"
    (person,) = document.content.get_observer_contexts(pydicom.sr.codedict.codes.DCM.Person)
    assert person.observer_identifying_attributes.name == "bs.an^"


def test_publishing_again_makes_nothing_new_until_something_has_changed(pacs: Pacs, ct: Dataset) -> None:
    drawn = draw(pacs, make_annotation(ct))
    first = publish(pacs, ct)
    assert publish(pacs, ct) == first
    assert publishing.publications(pacs, SYSTEM, ct.StudyInstanceUID) == first
    draw(pacs, drawn | {"points": [[1, 1], [2, 2]]}, version=1)

    second = publish(pacs, ct)

    (before,), (after,) = published(pacs, first, "sr"), published(pacs, second, "sr")
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert (after.SeriesInstanceUID, after.InstanceNumber) == (before.SeriesInstanceUID, 2)
    (replaced,) = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert replaced.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert [dict(one.annotations) for one in second if one.kind == "sr"] == [{drawn["id"]: 2}]


def test_what_was_decided_and_not_yet_made_is_made_as_it_was_decided(
    pacs: Pacs, ct: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(pacs, make_annotation(ct))
    star(pacs, ct)

    def power_cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(publishing, "ingest", power_cut)
        publish(pacs, ct)
    assert publishing.publications(pacs, SYSTEM, ct.StudyInstanceUID) == []
    with pacs.database.read() as connection:
        decided = set(connection.exec_driver_sql("select sop_instance_uid from publication").scalars())

    made = publish(pacs, ct)

    assert {one.sop_instance_uid for one in made} == decided
    assert len(publishing.publications(pacs, SYSTEM, ct.StudyInstanceUID)) == 3


def test_the_same_object_is_made_twice_bit_for_bit(pacs: Pacs, ct: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in POINTS:
        draw(pacs, make_annotation(ct, kind))
    star(pacs, ct)
    files: list[list[bytes]] = [[], []]
    for kept in files:
        with monkeypatch.context() as patched:
            patched.setattr(publishing, "ingest", lambda pacs, actor, file, **_: kept.append(file.read()))  # noqa: B023
            publish(pacs, ct)
    assert files[0] == files[1] != []


def test_each_publishes_his_own(pacs: Pacs, ct: Dataset) -> None:
    mine = draw(pacs, make_annotation(ct))
    theirs = draw(pacs, make_annotation(ct, "angle"), COLLEAGUE)
    (by_me, _), (by_them, _) = publish(pacs, ct), publish(pacs, ct, COLLEAGUE)
    assert (list(by_me.annotations), list(by_them.annotations)) == ([mine["id"]], [theirs["id"]])
    assert by_me.series_instance_uid != by_them.series_instance_uid
    with pytest.raises(NotInThisState, match="nothing of yours"):
        publish(pacs, ct, replace(SYSTEM, name="bs.châu"))
    with pytest.raises(NotAllowed):
        publish(pacs, ct, replace(READER, permissions=frozenset(("query", "retrieve", "store"))))


@pytest.mark.skipif(not (shutil.which("dsrdump") and shutil.which("dcmpschk")), reason="dcmtk is not installed")
def test_dcmtk_takes_what_is_published(pacs: Pacs, ct: Dataset, tmp_path: Path) -> None:
    for kind in POINTS:
        draw(pacs, make_annotation(ct, kind))
    draw(pacs, make_plane_annotation(ct))
    star(pacs, ct)
    made = publish(pacs, ct)
    for kind, said in (("sr", "6.6198564939"), ("kos", "Of Interest")):
        (ds,) = published(pacs, made, kind)
        ds.save_as(tmp_path / kind)
        done = subprocess.run(
            ["dsrdump", "-Ec", "-Ei", "+Pf", tmp_path / kind], capture_output=True, text=True, errors="replace"
        )
        assert (done.returncode, said in done.stdout) == (0, True), done.stderr
        assert "error" not in done.stderr.lower()
    (ds,) = published(pacs, made, "gsps")
    ds.save_as(tmp_path / "gsps")
    done = subprocess.run(["dcmpschk", tmp_path / "gsps"], capture_output=True, text=True)
    complaints = re.findall(r"Attribute value   : \[(.*)\]|(Affected attribute:.*missing.*)", done.stdout + done.stderr)
    assert not [one for one in complaints if "".join(one).isascii()], "what it does not know is ISO_IR 192"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools' dciodvfy is not installed")
def test_every_module_is_as_the_standard_has_it(pacs: Pacs, ct: Dataset, tmp_path: Path) -> None:
    for kind in POINTS:
        draw(pacs, make_annotation(ct, kind))
    star(pacs, ct)
    made = publish(pacs, ct)
    for kind in ("sr", "gsps", "kos"):
        (ds,) = published(pacs, made, kind)
        ds.save_as(tmp_path / kind)
        done = subprocess.run(["dciodvfy", tmp_path / kind], capture_output=True, text=True, errors="replace")
        said = done.stdout + done.stderr
        assert [line for line in said.splitlines() if line.startswith(("Error", "Abort"))] == []

"""What leaves says what is right, the object never changes, and what needs no correction leaves as it came."""

import hashlib
import io
import json
import unicodedata
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    RLELossless,
)

from pacs.archive import correct, retrieve
from pacs.archive.extraction import extract, extracted_chunks
from pacs.archive.metadata import instance_metadata, series_document, series_metadata
from pacs.archive.retrieve import InstanceRef, instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.charset import encode_outgoing
from pacs.dicom.frame_list import SimpleList
from pacs.dicom.vietnamese import LEGACY_SETS
from pacs.errors import OutOfResources
from tests.archive.kept import send, upload
from tests.archive.test_correct import GLUED, RIGHT, make_legacy
from tests.make import data_set_bytes, make_ct, make_uid
from tests.names import vietnamese_names


def sent(pacs: Pacs, ds: Dataset) -> Dataset:
    """The instance as it leaves."""
    (ref,) = instances(pacs, SYSTEM, ds.StudyInstanceUID, sop=ds.SOPInstanceUID)
    return pydicom.dcmread(io.BytesIO(retrieve.whole_file(pacs, ref)))


def ref_of(pacs: Pacs, ds: Dataset) -> InstanceRef:
    (ref,) = instances(pacs, SYSTEM, ds.StudyInstanceUID, sop=ds.SOPInstanceUID)
    return ref


def kept_bytes(pacs: Pacs, ref: InstanceRef) -> bytes:
    return pacs.objects.get(ref.object_key)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_corrected_name_leaves_and_what_it_was_is_recorded(pacs: Pacs, syntax: str) -> None:
    ds = make_ct(transfer_syntax_uid=syntax, PatientName=GLUED, InstitutionName="BV HUYỆN")
    ds.RequestAttributesSequence = [Dataset()]
    ds.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "CHỤP NGỰC"
    ds.RequestAttributesSequence[0].AccessionNumber = "A"
    send(pacs, ds)
    before = kept_bytes(pacs, ref_of(pacs, ds))

    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT), ("PatientSex", "M")])

    given = sent(pacs, ds)
    assert (given.PatientName, given.PatientSex, given.SpecificCharacterSet) == (RIGHT, "M", "ISO_IR 192")
    assert given.file_meta.TransferSyntaxUID == syntax
    assert given.RequestAttributesSequence == ds.RequestAttributesSequence
    assert (given.StudyDescription, given.ReferringPhysicianName) == ("CT NGỰC", "TRẦN^VĂN AN")
    assert (given.pixel_array == ds.pixel_array).all()
    (original,) = given.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "CORRECT"
    assert (original.ModifyingSystem, original.SourceOfPreviousValues) == ("Filmless", "BV HUYỆN")
    (was,) = original.ModifiedAttributesSequence
    assert (was.PatientName, was.PatientSex, len(was)) == (GLUED, "F", 2)
    ref = ref_of(pacs, ds)
    assert kept_bytes(pacs, ref) == before
    assert hashlib.sha256(before).hexdigest() == ref.object_key


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("character_set", LEGACY_SETS)
def test_legacy_text_leaves_as_unicode(pacs: Pacs, character_set: str, syntax: str) -> None:
    ds = make_legacy(character_set, PatientComments="\xe9")
    ds.RequestAttributesSequence = [Dataset()]
    ds.RequestAttributesSequence[0].ScheduledProcedureStepDescription = ds.StudyDescription
    if syntax == RLELossless:
        ds.compress(RLELossless)
    ds.file_meta.TransferSyntaxUID = syntax
    send(pacs, ds)
    (suggested,) = correct.corrections(pacs, SYSTEM)
    correct.apply(pacs, SYSTEM, suggested.pk)

    given = sent(pacs, ds)

    assert (given.PatientName, given.StudyDescription, given.SeriesDescription) == (RIGHT, "CHỤP NGỰC", "PHỔI")
    assert given.RequestAttributesSequence[0].ScheduledProcedureStepDescription == "CHỤP NGỰC"
    (original,) = given.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "COERCE"
    (was,) = original.ModifiedAttributesSequence
    assert (was.SpecificCharacterSet, was.PatientName) == ("ISO_IR 100", ds.PatientName)
    assert given.PixelData == ds.PixelData
    (metadata,) = json.loads(series_metadata(pacs, SYSTEM, ds.StudyInstanceUID, ds.SeriesInstanceUID))
    assert metadata["00081030"]["Value"] == ["CHỤP NGỰC"]
    assert metadata["7FE00010"]["BulkDataURI"]


def test_metadata_and_documents_say_what_is_right_and_then_what_was_again(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED)
    send(pacs, ds)
    place = (pacs, SYSTEM, ds.StudyInstanceUID, ds.SeriesInstanceUID)

    def said() -> list[Any]:
        (of_series,) = json.loads(series_metadata(*place))
        (of_instance,) = json.loads(instance_metadata(*place, ds.SOPInstanceUID))
        document = json.loads(series_document(*place))
        names = [one["00100010"]["Value"][0]["Alphabetic"] for one in (of_series, of_instance)]
        return [*names, document["patient"]["patient_name"], str(sent(pacs, ds).PatientName)]

    before, version = said(), ref_of(pacs, ds).version
    (pk,) = correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])
    assert said() == [RIGHT] * 4
    corrected = ref_of(pacs, ds).version
    correct.revoke(pacs, SYSTEM, pk)
    assert (said(), ref_of(pacs, ds).version) == (before, version) == ([GLUED] * 4, version)
    correct.apply(pacs, SYSTEM, pk)
    assert ref_of(pacs, ds).version not in (version, corrected)
    assert said() == [RIGHT] * 4


def test_a_deflated_instance_is_corrected_and_deflated_again(pacs: Pacs) -> None:
    ds = make_ct(transfer_syntax_uid=DeflatedExplicitVRLittleEndian, PatientName=GLUED)
    upload(pacs, ds)

    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])

    given = sent(pacs, ds)
    assert given.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert (given.PatientName, given.PixelData) == (RIGHT, ds.PixelData)
    (metadata,) = json.loads(series_metadata(pacs, SYSTEM, ds.StudyInstanceUID, ds.SeriesInstanceUID))
    assert metadata["00100010"]["Value"] == [{"Alphabetic": RIGHT}]


def test_it_is_corrected_in_another_transfer_syntax_too(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED)
    pixels = ds.PixelData
    ds.compress(RLELossless)
    send(pacs, ds)
    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])

    data = retrieve.transcoded(pacs, ref_of(pacs, ds), ImplicitVRLittleEndian)

    given = pydicom.dcmread(io.BytesIO(data), force=True)
    assert (given.PatientName, given.PixelData) == (RIGHT, pixels)


def test_extracted_frames_are_corrected_and_are_another_instance(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED, SOPClassUID=MultiFrameTrueColorSecondaryCaptureImageStorage, NumberOfFrames=3)
    ds.PixelData *= 3
    send(pacs, ds)

    def made() -> Dataset:
        one = extract(pacs, ref_of(pacs, ds), SimpleList((2,)))
        data = b"".join(extracted_chunks(pacs, one, ExplicitVRLittleEndian))
        return pydicom.dcmread(io.BytesIO(data), force=True)

    before = made()
    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])
    after = made()

    assert (before.PatientName, after.PatientName) == (GLUED, RIGHT)
    assert before.PixelData == after.PixelData
    assert before.SOPInstanceUID != after.SOPInstanceUID


def test_what_says_what_is_right_already_leaves_byte_for_byte(pacs: Pacs) -> None:
    glued = make_ct(PatientName=GLUED)
    right = make_ct(StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    other = make_ct(PatientID="other", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    for ds in (glued, right, other):
        send(pacs, ds)

    correct.correct(pacs, SYSTEM, glued.StudyInstanceUID, [("PatientName", RIGHT)])

    assert ref_of(pacs, right).corrections
    assert not ref_of(pacs, other).corrections
    for ds in (right, other):
        assert retrieve.data_set(pacs, ref_of(pacs, ds)) == data_set_bytes(ds)


def test_earlier_modifications_stay_in_the_record(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED)
    ds.OriginalAttributesSequence = [Dataset()]
    ds.OriginalAttributesSequence[0].ModifyingSystem = "GATEWAY"
    send(pacs, ds)

    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])

    systems = [item.ModifyingSystem for item in sent(pacs, ds).OriginalAttributesSequence]
    assert systems == ["GATEWAY", "Filmless"]


def test_text_of_another_set_is_unicode_once_something_is_corrected(pacs: Pacs) -> None:
    ds = make_ct(
        SpecificCharacterSet="GB18030",
        PatientName="Wang^XiaoDong",
        StudyDescription="胸部",
        ReferringPhysicianName="李^明",
        SeriesDescription=None,
    )
    ds.RequestAttributesSequence = [Dataset()]
    ds.RequestAttributesSequence[0].SpecificCharacterSet = "ISO_IR 100"
    ds.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "tête"
    send(pacs, ds)

    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", "Wang^XiaoDong=王^小东")])

    given = sent(pacs, ds)
    assert (given.PatientName, given.StudyDescription) == ("Wang^XiaoDong=王^小东", "胸部")
    (item,) = given.RequestAttributesSequence
    assert (item.SpecificCharacterSet, item.ScheduledProcedureStepDescription) == ("ISO_IR 192", "tête")


def test_a_damaged_object_is_told_and_not_corrected(pacs: Pacs) -> None:
    ds = make_ct(rows=1024, columns=1024, PatientName=GLUED)
    send(pacs, ds)
    correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])
    ref = ref_of(pacs, ds)
    (path,) = (pacs.settings.data / "objects").rglob(ref.object_key)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)

    with pytest.raises(OutOfResources):
        retrieve.whole_file(pacs, ref)


def test_no_letter_of_a_name_is_lost_on_the_way(pacs: Pacs) -> None:
    ds = make_ct(PatientName=GLUED)
    send(pacs, ds)

    for name in vietnamese_names(25, seed=2):
        correct.correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", unicodedata.normalize("NFD", name))])
        assert sent(pacs, ds).PatientName == name
    for name in vietnamese_names(10_000, seed=3):
        assert encode_outgoing(unicodedata.normalize("NFD", name)).decode() == name

"""dicomweb-client, the Python client that scientists use, finds, fetches and stores."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset
from requests import HTTPError

from tests.clients.conftest import House
from tests.make import make_ct

CHEST, HEART, CHILD, HAND = "ACC2611230001", "ACC2611170009", "ACC2611240003", "ACC2611190063"
"""Accession numbers of sample studies."""


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[DICOMwebClient]:
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {house.token}"
    yield DICOMwebClient(house.dicomweb, session=session)
    session.close()


def value(found: dict[str, Any], keyword: str) -> Any:
    """The first value of an attribute of an answer."""
    tag = f"{pydicom.datadict.tag_for_keyword(keyword):08X}"
    return found[tag]["Value"][0]


def status_of(refused: HTTPError) -> int:
    assert refused.response is not None
    return refused.response.status_code


def series_of(client: DICOMwebClient, accession: str, modality: str) -> tuple[str, str]:
    """UIDs of the study and of its first series of the modality."""
    filters = {"AccessionNumber": accession, "Modality": modality}
    found = client.search_for_series(search_filters=filters)
    first = min(found, key=lambda series: int(value(series, "SeriesNumber")))
    return value(first, "StudyInstanceUID"), value(first, "SeriesInstanceUID")


def instance_of(client: DICOMwebClient, accession: str, modality: str) -> tuple[str, str, str]:
    study, series = series_of(client, accession, modality)
    [first, *_] = client.search_for_instances(study, series, search_filters={"InstanceNumber": "1"})
    return study, series, value(first, "SOPInstanceUID")


SEARCHES: list[tuple[dict[str, Any], int]] = [
    ({}, 10),
    ({"search_filters": {"PatientID": "000185000001"}}, 2),
    ({"search_filters": {"PatientName": "NGUYỄN^*"}}, 2),
    ({"search_filters": {"PatientName": "anh dao nguyen"}, "fuzzymatching": True}, 2),
    ({"search_filters": {"PatientName": "山田*"}}, 1),
    ({"search_filters": {"StudyDate": "20261121-20261122"}}, 3),
    ({"search_filters": {"ModalitiesInStudy": "MG"}}, 1),
    ({"search_filters": {"AccessionNumber": "none"}}, 0),
    ({"limit": 4}, 4),
    ({"limit": 4, "offset": 8}, 2),
    ({"limit": 3, "get_remaining": True}, 10),
]


def test_studies_are_found(client: DICOMwebClient) -> None:
    for asked, count in SEARCHES:
        assert len(client.search_for_studies(**asked)) == count, asked

    [chest] = client.search_for_studies(search_filters={"AccessionNumber": CHEST}, fields=["BodyPartExamined"])
    assert value(chest, "PatientName") == {"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}
    ds = Dataset.from_json(chest)
    assert (ds.NumberOfStudyRelatedSeries, ds.NumberOfStudyRelatedInstances) == (5, 68)


def test_series_and_instances_are_found(client: DICOMwebClient) -> None:
    study, series = series_of(client, CHEST, "CT")

    assert {value(one, "Modality") for one in client.search_for_series(study)} == {"CT", "SR", "KO", "PR", "DOC"}
    assert len(client.search_for_series(search_filters={"Modality": "CT"})) == 4
    assert len(client.search_for_instances(study)) == 68
    [slice_7] = client.search_for_instances(
        study, series, search_filters={"InstanceNumber": "7"}, fields=["ImageType", "00080023"]
    )
    assert (value(slice_7, "ImageType"), value(slice_7, "Rows")) == ("ORIGINAL", 320)
    numbers = [
        value(one, "InstanceNumber")
        for offset in range(0, 64, 20)
        for one in client.search_for_instances(study, series, limit=20, offset=offset)
    ]
    assert sorted(numbers) == list(range(1, 65)), "pages neither repeat nor leave out"


def test_metadata_makes_data_sets(client: DICOMwebClient, samples: Path) -> None:
    study, series = series_of(client, CHEST, "CT")

    of_series = client.retrieve_series_metadata(study, series)
    of_study = client.retrieve_study_metadata(study)
    [number_1] = [one for one in of_series if value(one, "InstanceNumber") == 1]

    assert (len(of_series), len(of_study)) == (64, 68)
    assert client.retrieve_instance_metadata(study, series, value(number_1, "SOPInstanceUID")) == number_1
    made = Dataset.from_json(number_1, bulk_data_uri_handler=lambda uri: b"")
    sent = pydicom.dcmread(samples / "01-ct-chest/CT001.dcm", stop_before_pixels=True)
    del made.PixelData
    made.pop("AvailableTransferSyntaxUID", None)
    for element in sent:
        assert made[element.tag].value == element.value, element.keyword


def test_bulk_data_is_fetched_by_its_address(client: DICOMwebClient) -> None:
    place = instance_of(client, CHILD, "CT")
    # A reference relative to the server (RFC 3986 4.2), which this client does not complete.
    address = client.retrieve_instance_metadata(*place)["7FE00010"]["BulkDataURI"]

    [whole] = client.retrieve_bulkdata(address)

    assert [whole] == client.retrieve_instance_frames(*place, [1])
    assert list(client.iter_bulkdata(address)) == [whole]


def test_instances_come_as_they_were_sent(client: DICOMwebClient, samples: Path) -> None:
    study, series = series_of(client, CHILD, "CT")
    sent = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, (samples / "10-ct-child").iterdir())}

    by_instance = client.retrieve_instance(*instance_of(client, CHILD, "CT"))
    of_series = client.retrieve_series(study, series)
    of_study = list(client.iter_study(study))

    assert (len(of_series), len(of_study)) == (6, 12)
    assert [ds.SOPInstanceUID for ds in client.iter_series(study, series)] == [ds.SOPInstanceUID for ds in of_series]
    for ds in (by_instance, *of_series, *of_study):
        assert np.array_equal(ds.pixel_array, sent[ds.SOPInstanceUID].pixel_array)
        assert ds.PatientName == sent[ds.SOPInstanceUID].PatientName


UNCOMPRESSED, JPEG, JPEG_LS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
CHEST_BYTES, HEART_BYTES = 320 * 320 * 2, 480 * 640 * 3
STORED_AS_JPEG_LS, STORED_AS_JPEG = b"\xff\xd8\xff\xe8", b"\xff\xd8\xff\xe0"

FRAMES: list[tuple[str, str, Any, int | bytes]] = [
    (CHEST, "CT", None, CHEST_BYTES),
    (CHEST, "CT", ("application/octet-stream",), CHEST_BYTES),
    (CHEST, "CT", (("application/octet-stream", UNCOMPRESSED),), CHEST_BYTES),
    (CHEST, "CT", (("application/octet-stream", "*"),), STORED_AS_JPEG_LS),
    (CHEST, "CT", ("image/jls",), STORED_AS_JPEG_LS),
    (CHEST, "CT", (("image/jls", JPEG_LS),), STORED_AS_JPEG_LS),
    (CHEST, "CT", ("image/*",), STORED_AS_JPEG_LS),
    (HEART, "US", ("image/jpeg",), STORED_AS_JPEG),
    (HEART, "US", (("image/jpeg", JPEG),), STORED_AS_JPEG),
    (HEART, "US", ("image/jls", "application/octet-stream"), HEART_BYTES),
]
"""Accession number, modality, what is asked for, and the size or the first bytes of the frame."""


def test_frames_come_in_the_media_type_that_is_asked_for(client: DICOMwebClient) -> None:
    for accession, modality, media_types, expected in FRAMES:
        [frame] = client.retrieve_instance_frames(*instance_of(client, accession, modality), [1], media_types)
        told = len(frame) if isinstance(expected, int) else frame[: len(expected)]
        assert told == expected, (accession, media_types)


def test_several_frames_come_in_their_order_and_what_is_not_there_is_said(client: DICOMwebClient) -> None:
    heart = instance_of(client, HEART, "US")

    frames = client.retrieve_instance_frames(*heart, [24, 1, 5])

    assert [len(frame) for frame in frames] == [HEART_BYTES] * 3
    assert list(client.iter_instance_frames(*heart, [5, 24, 1])) == [frames[2], frames[0], frames[1]]
    for numbers, media_types, status in [([25], None, 404), ([1], (("image/jls", JPEG_LS),), 406)]:
        with pytest.raises(HTTPError) as refused:
            client.retrieve_instance_frames(*heart, numbers, media_types)
        assert status_of(refused.value) == status


RENDERED: list[tuple[Any, dict[str, str], str, tuple[int, int]]] = [
    (None, {}, "JPEG", (320, 320)),
    (("image/jpeg",), {"quality": "40"}, "JPEG", (320, 320)),
    (("image/png",), {"viewport": "200,150", "window": "40,400,linear"}, "PNG", (150, 150)),
    (("image/gif",), {"window": "-600,1500,linear-exact"}, "GIF", (320, 320)),
    (("image/jp2",), {"annotation": "patient,technique"}, "JPEG2000", (320, 320)),
]


def test_pictures_are_rendered(client: DICOMwebClient) -> None:
    chest, hand = instance_of(client, CHEST, "CT"), instance_of(client, HAND, "DX")
    for media_types, params, expected, size in RENDERED:
        for picture in (
            client.retrieve_instance_rendered(*chest, media_types, params),
            client.retrieve_instance_frames_rendered(*chest, [1], media_types, params),
        ):
            image = Image.open(io.BytesIO(picture))
            assert (image.format, image.size) == (expected, size), (media_types, params)

    series = Image.open(io.BytesIO(client.retrieve_series_rendered(*hand[:2])))
    assert series.size == (768, 1024)
    report = client.retrieve_instance_rendered(*instance_of(client, CHEST, "SR"), ("text/html",))
    assert report.startswith(b"<!doctype html>")


def test_what_is_stored_is_found_and_what_is_removed_is_gone(house: House, client: DICOMwebClient) -> None:
    sent = [make_ct(PatientID="CLIENT-1", InstanceNumber=number) for number in (1, 2)]
    sent[1].StudyInstanceUID, sent[1].SeriesInstanceUID = sent[0].StudyInstanceUID, sent[0].SeriesInstanceUID

    told = client.store_instances(sent, sent[0].StudyInstanceUID)

    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == [ds.SOPInstanceUID for ds in sent]
    assert "FailedSOPSequence" not in told
    found = client.retrieve_series(sent[0].StudyInstanceUID, sent[0].SeriesInstanceUID)
    assert found == sent
    with pytest.raises(HTTPError) as refused:
        client.delete_study(sent[0].StudyInstanceUID)
    assert status_of(refused.value) == 405, "PS3.18 has no such transaction"

    house.remove(sent[0].StudyInstanceUID)
    assert client.search_for_studies(search_filters={"PatientID": "CLIENT-1"}) == []
    with pytest.raises(HTTPError) as refused:
        client.retrieve_study(sent[0].StudyInstanceUID)
    assert status_of(refused.value) == 410


def test_a_token_is_asked_for(house: House) -> None:
    with pytest.raises(HTTPError) as refused:
        DICOMwebClient(house.dicomweb).search_for_studies()
    assert status_of(refused.value) == 401

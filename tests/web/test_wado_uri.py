"""WADO-URI: the same instances and pictures as by WADO-RS, by the parameters of another time."""

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.context import Pacs
from tests.make import data_set_bytes, make_ct
from tests.web.conftest import Caller
from tests.web.test_wado import multi_frame, path_of, store


def asked(ds: Any, **parameters: str) -> dict[str, str]:
    uids = {"studyUID": ds.StudyInstanceUID, "seriesUID": ds.SeriesInstanceUID, "objectUID": ds.SOPInstanceUID}
    return {"requestType": "WADO", **uids, **parameters}


def picture_of(content: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("name", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_what_is_missing_is_named(client: Caller, pacs: Pacs, name: str) -> None:
    parameters = asked(store(pacs, make_ct()))
    del parameters[name]

    answer = client.get("/wado", params=parameters)

    assert (answer.status_code, answer.json()["detail"]) == (400, f"{name} is missing")


def test_an_instance_comes_as_dicom_as_it_is_or_in_another_transfer_syntax(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(transfer_syntax_uid=ImplicitVRLittleEndian))

    as_it_is = client.get("/wado", params=asked(ds, contentType="application/dicom"))
    explicit = client.get(
        "/wado", params=asked(ds, contentType="application/dicom", transferSyntax=ExplicitVRLittleEndian)
    )

    assert as_it_is.headers["content-type"].startswith("application/dicom")
    assert as_it_is.content.endswith(data_set_bytes(ds))
    found = pydicom.dcmread(io.BytesIO(explicit.content))
    assert (found.file_meta.TransferSyntaxUID, found.PixelData) == (ExplicitVRLittleEndian, ds.PixelData)


def test_pictures_are_those_of_wado_rs(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, multi_frame(rows=64, columns=32))
    same: list[tuple[dict[str, str], str, dict[str, str]]] = [
        ({}, "", {}),
        ({"contentType": "image/png"}, "", {"accept": "image/png"}),
        ({"contentType": "image/jpeg, image/png;q=0.5", "imageQuality": "30"}, "", {"quality": "30"}),
        ({"frameNumber": "3"}, "/frames/3", {}),
        ({"rows": "32", "columns": "16"}, "", {"viewport": "16,32"}),
        ({"windowCenter": "40.5", "windowWidth": "400"}, "", {"window": "40.5,400,linear"}),
        ({"imageAnnotation": "patient,technique"}, "", {"annotation": "patient,technique"}),
        ({"region": "0.25,0.5,0.75,1.0", "columns": "16", "rows": "16"}, "", {"viewport": "16,16,8,32,16,32"}),
        ({"region": "0,0,.5,.5"}, "", {"viewport": "16,32,0,0,16,32"}),
        ({"rows": "32"}, "", {"viewport": "8192,32"}),
    ]
    for by_uri, frames, by_path in same:
        answer = client.get("/wado", params=asked(ds, **by_uri))
        assert answer.status_code == 200, (by_uri, answer.text)
        assert answer.content == client.get(f"{path_of(ds)}{frames}/rendered", params=by_path).content, by_uri


def test_a_picture_is_as_large_as_it_is_asked_for(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(rows=64, columns=32))

    for parameters, shape in [
        ({"rows": "32"}, (32, 16)),
        ({"columns": "16"}, (32, 16)),
        ({"region": "0,0,1,.5"}, (32, 32)),
    ]:
        assert picture_of(client.get("/wado", params=asked(ds, **parameters)).content).shape == shape


STATUSES: list[tuple[dict[str, str], int]] = [
    ({"requestType": "wado"}, 400),
    ({"objectUID": "1.2.3"}, 404),
    ({"contentType": "text/rtf"}, 406),
    ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406),
    ({"contentType": "application/dicom", "transferSyntax": "x"}, 400),
    ({"contentType": "application/dicom", "anonymize": "yes"}, 406),
    ({"presentationUID": "1.2", "presentationSeriesUID": "1.3"}, 406),
    ({"frameNumber": "0"}, 400),
    ({"frameNumber": "2"}, 400),
    ({"frameNumber": "one"}, 400),
    ({"windowCenter": "40"}, 400),
    ({"windowCenter": "40", "windowWidth": "0"}, 400),
    ({"imageQuality": "101"}, 400),
    ({"rows": "-1"}, 400),
    ({"rows": "9999", "columns": "9999"}, 400),
    ({"region": "0,0,1"}, 400),
    ({"region": "0,0,1,1.5"}, 400),
    ({"region": "0.5,0,0.5,1"}, 400),
    ({"charset": "no-such-charset"}, 200),
    ({"accept": "image/png"}, 200),
]


def test_each_request_has_its_status(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())

    found = [client.get("/wado", params={**asked(ds), **parameters}).status_code for parameters, _ in STATUSES]

    assert found == [status for _, status in STATUSES]


def test_a_report_is_a_page_and_what_cannot_be_shown_is_dicom(client: Caller, pacs: Pacs) -> None:
    report = store(pacs, make_ct(SOPClassUID=BasicTextSRStorage, PixelData=None, ValueType="CONTAINER"))
    dose = store(pacs, make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", PixelData=None))

    assert client.get("/wado", params=asked(report)).headers["content-type"].startswith("text/html")
    assert client.get("/wado", params=asked(dose)).headers["content-type"].startswith("application/dicom")


def test_strangers_learn_nothing_and_head_says_what_get_would(anonymous: Caller, client: Caller, pacs: Pacs) -> None:
    parameters = asked(store(pacs, make_ct()))

    assert anonymous.get("/wado", params=parameters).status_code == 401
    head, get = client.head("/wado", params=parameters), client.get("/wado", params=parameters)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", get.headers["etag"])
    assert client.get("/wado", params=parameters, headers={"if-none-match": head.headers["etag"]}).status_code == 304

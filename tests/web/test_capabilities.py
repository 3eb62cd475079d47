"""What the server says of itself is so: every resource, media type and parameter that it lists is asked for."""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.routing import APIRoute
from pydicom.dataset import Dataset

from pacs.archive.resources import KINDS
from pacs.web.app import ROUTERS
from pacs.web.capabilities import NAMESPACE, WADL, methods_of
from tests.make import make_ct, make_uid, part10
from tests.web.conftest import Caller
from tests.web.test_resources import make_protocol

PARAMETERS = {
    "{attributeID}": {"StudyDate": "20261124"},
    "includefield": {"includefield": "all"},
    "fuzzymatching": {"fuzzymatching": "true"},
    "emptyvaluematching": {"emptyvaluematching": "true"},
    "multiplevaluematching": {"multiplevaluematching": "true"},
    "limit": {"limit": "1"},
    "offset": {"offset": "0"},
    "cursor": {"cursor": ""},
    "TimezoneOffsetFromUTC": {"TimezoneOffsetFromUTC": "+0700"},
    "window": {"window": "40,400,linear"},
    "viewport": {"viewport": "4,4"},
    "quality": {"quality": "50"},
    "annotation": {"annotation": "patient"},
    "iccprofile": {"iccprofile": "no"},
    "charset": {"charset": "utf-8"},
}
OK = (200, 202, 204, 206)
TEXTS = {"text/html", "text/plain", "text/xml"}
"""An image is given as none of them."""


def options(client: Caller, path: str = "", accept: str = "application/json") -> Any:
    answer = client.options(f"/dicom-web{path}", headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    return answer


def listed(client: Caller, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in options(client).json()["resources"]:
        yield from ((resource["path"], method) for method in resource["methods"] if method["name"] == name)


def filled(path: str, ds: Dataset, others: dict[str, str]) -> str:
    """A template with what is kept."""
    names = {
        "study": ds.StudyInstanceUID,
        "series": ds.SeriesInstanceUID,
        "instance": ds.SOPInstanceUID,
        "numbers": "1",
        "path": "7FE00010",
        "uid": others.get(path.split("/")[1], ""),
        "workitem": others["workitem"],
        "transaction": others["transaction"],
        "requester": "1.2.3",
        "ae_title": "TEST",
    }
    return f"/dicom-web{path.format(**names)}"


@pytest.fixture
def kept(client: Caller) -> tuple[Dataset, dict[str, str]]:
    """An image, a resource of each kind, a workitem and a commitment: so that all there is can be asked for."""
    ds = make_ct(ContrastBolusAgent="x")
    others = {"transaction": make_uid()}
    assert client.post("/dicom-web/studies", data=part10(ds).read(), headers={"content-type": "application/dicom"}).ok
    for kind, classes in KINDS.items():
        one = make_protocol(sop_class_uid=min(classes), StudyDate="20261124")
        headers = {"content-type": "application/dicom"}
        assert client.post(f"/dicom-web/{kind}", data=part10(one).read(), headers=headers).ok
        others[kind] = one.SOPInstanceUID
    reference = {
        "00081150": {"vr": "UI", "Value": [ds.SOPClassUID]},
        "00081155": {"vr": "UI", "Value": [ds.SOPInstanceUID]},
    }
    asked = json.dumps({"00081199": {"vr": "SQ", "Value": [reference]}})
    headers = {"content-type": "application/dicom+json"}
    assert client.post(f"/dicom-web/commitment-requests/{others['transaction']}", data=asked, headers=headers).ok
    others["workitem"] = make_uid()
    workitem = {
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": ["MEDIUM"]},
        "00741204": {"vr": "LO", "Value": ["x"]},
        "00404005": {"vr": "DT", "Value": ["20261124080000"]},
    }
    answer = client.post(f"/dicom-web/workitems?{others['workitem']}", data=json.dumps(workitem), headers=headers)
    assert answer.ok, answer.text
    return ds, others


def test_everything_that_is_listed_is_given_in_every_form_and_takes_every_parameter(
    client: Caller, kept: tuple[Dataset, dict[str, str]]
) -> None:
    wrong = []
    for path, method in listed(client, "GET"):
        if path in ("/", "/conformance"):
            continue  # of the server, not of what it keeps
        assert method["gives"], path
        url = filled(path, *kept)
        forms = [name for name in method["gives"] if name not in TEXTS]
        asked: list[tuple[str, dict[str, str]]] = [(name, {}) for name in forms] + [
            (forms[0], PARAMETERS[name]) for name in method["parameters"]
        ]
        for accept, parameters in asked:
            answer = client.get(url, params=parameters, headers={"accept": accept})
            if answer.status_code not in OK or "warning" in answer.headers:
                wrong.append((path, accept, parameters, answer.status_code, answer.text[:80]))
    assert not wrong


def test_everything_that_is_listed_is_taken_in_every_form(client: Caller, kept: tuple[Dataset, dict[str, str]]) -> None:
    for path, method in listed(client, "POST"):
        for media_type in method["takes"]:
            answer = client.post(filled(path, *kept), data=b"x", headers={"content-type": f"{media_type}; boundary=x"})
            assert answer.status_code in (400, 404, 409), (path, media_type, answer.text)


def test_what_is_registered_is_listed_and_has_its_media_types(client: Caller) -> None:
    registered = {
        route.path.removeprefix("/dicom-web").replace(":path}", "}").rstrip("/") or "/"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and f"{route.path}/".startswith("/dicom-web/") and route.methods != {"OPTIONS"}
    }

    assert {resource["path"] for resource in options(client).json()["resources"]} == registered
    assert not [method.path for method in methods_of(ROUTERS) if method.name == "GET" and not method.kind.gives]


def test_it_is_told_as_wadl_too(client: Caller) -> None:
    answer = options(client, accept=WADL)

    assert answer.headers["content-type"] == WADL
    root = ElementTree.fromstring(answer.content)
    assert root.tag == f"{{{NAMESPACE}}}application"
    (resources,) = root
    assert resources.get("base") == "http://pacs.example/dicom-web"
    ids = {one.get("id") for one in root.iter(f"{{{NAMESPACE}}}method")}
    assert ids == {method.function for method in methods_of(ROUTERS)}
    known = client.options("/dicom-web", headers={"accept": WADL, "if-none-match": answer.headers["etag"]})
    assert known.status_code == 304
    assert client.get("/dicom-web/", headers={"accept": WADL}).content == answer.content
    assert client.options("/dicom-web", headers={"accept": "image/png"}).status_code == 406


def test_each_resource_tells_its_methods_and_what_is_below_it(client: Caller) -> None:
    answer = options(client, "/studies/1.2.3/series/1.2.3.4")

    assert answer.headers["allow"] == "GET, OPTIONS"
    paths = [resource["path"] for resource in answer.json()["resources"]]
    assert all(path.startswith("/studies/{study}/series/{series}") for path in paths)
    assert options(client, "/studies").headers["allow"] == "GET, OPTIONS, POST"
    assert options(client, "/studies/1/series/2/instances/3/bulkdata/54000100/1/54001010").headers["allow"]
    assert client.options("/dicom-web/nonsense").status_code == 404


def test_strangers_are_told_nothing(anonymous: Caller) -> None:
    assert anonymous.options("/dicom-web").status_code == 401
    assert anonymous.get("/dicom-web/conformance").status_code == 401

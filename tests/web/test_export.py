"""Studies downloaded as one archive."""

import io
import zipfile

from pacs.context import Pacs
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import store


def test_a_download_that_broke_off_goes_on(pacs: Pacs, client: Caller) -> None:
    first, second = make_ct(), make_ct(StudyInstanceUID=make_uid(5), SeriesInstanceUID=make_uid(5, 1))
    for ds in (first, second):
        store(pacs, ds)
    address = f"/api/export?study={first.StudyInstanceUID}&study={second.StudyInstanceUID}"

    whole = client.get(address)

    assert (whole.status_code, whole.headers["content-type"]) == (200, "application/zip")
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert "NGUY%E1%BB%84N" in whole.headers["content-disposition"]
    names = zipfile.ZipFile(io.BytesIO(whole.content)).namelist()
    assert names[0] == "DICOMDIR" and len(names) == 3

    condition = {"if-range": whole.headers["etag"]}
    rest = client.get(address, headers={"range": "bytes=1000-", **condition})
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    changed = client.get(address, headers={"range": "bytes=1000-", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert client.get(address, headers={"range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert client.get(address, headers={"if-none-match": whole.headers["etag"]}).status_code == 304

    by_names = client.get(f"{address}&dicomdir=false")
    assert "NGUYỄN THỊ ÁNH ĐÀO 0004123456" in zipfile.ZipFile(io.BytesIO(by_names.content)).namelist()[0]


def test_what_cannot_be_downloaded_is_told(pacs: Pacs, client: Caller, anonymous: Caller) -> None:
    assert client.get("/api/export").status_code == 400
    assert client.get("/api/export?study=1.2.3").status_code == 404
    assert anonymous.get("/api/export?study=1.2.3").status_code == 401

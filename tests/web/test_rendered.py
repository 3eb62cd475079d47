"""Pictures over HTTP. What is in them is tested with the renderer; here, how they are asked for."""

import io

import pytest
from PIL import Image
from starlette.datastructures import QueryParams

from pacs.context import Pacs
from pacs.dicom.presentation import Window
from pacs.dicom.render import Viewport
from pacs.errors import InvalidQuery
from pacs.web.rendered import appearance_of
from tests.make import make_ct
from tests.web.conftest import Caller
from tests.web.test_wado import multi_frame, parts_of, path_of, store


@pytest.mark.parametrize("accept", ["*/*", "image/jpeg", "image/png", "image/png, image/jpeg;q=0.5"])
@pytest.mark.parametrize("suffix", ["/rendered", "/frames/2/rendered"])
def test_a_picture_is_what_the_browser_takes(client: Caller, pacs: Pacs, accept: str, suffix: str) -> None:
    ds = store(pacs, multi_frame(rows=16, columns=12))

    answer = client.get(path_of(ds) + suffix, headers={"accept": accept})

    expected = "image/png" if "png" in accept else "image/jpeg"
    assert answer.headers["content-type"] == expected
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.size, picture.get_format_mimetype()) == ((12, 16), expected)


@pytest.mark.parametrize("level", ["study", "series"])
def test_a_study_has_a_picture_of_each_instance(client: Caller, pacs: Pacs, level: str) -> None:
    store(pacs, make_ct(InstanceNumber=1))
    ds = store(pacs, make_ct(InstanceNumber=2))

    parts = parts_of(client.get(f"{path_of(ds, level)}/rendered"))

    assert [media_type for media_type, _ in parts] == ["image/jpeg"] * 2


@pytest.mark.parametrize("suffix", ["", "?viewport=64,32"])
@pytest.mark.parametrize("level", ["study", "series", "instance", "frame"])
def test_thumbnails_are_small_jpegs_of_every_level(client: Caller, pacs: Pacs, level: str, suffix: str) -> None:
    ds = store(pacs, multi_frame(rows=512, columns=256))
    path = f"{path_of(ds)}/frames/2" if level == "frame" else path_of(ds, level)

    answer = client.get(f"{path}/thumbnail{suffix}")

    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == ((16, 32) if suffix else (64, 128))


def test_a_window_changes_the_picture(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    path = f"{path_of(ds)}/rendered?accept=image/png"

    assert client.get(f"{path}&window=-1000,50,linear").content != client.get(path).content


def test_what_is_not_drawn_is_told_in_a_warning(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())

    answer = client.get(f"{path_of(ds)}/rendered?annotation=patient&iccprofile=no")

    assert answer.headers["warning"] == '299 filmless "not honoured: annotation, iccprofile"'


def test_an_instance_without_pixels_has_no_picture(client: Caller, pacs: Pacs) -> None:
    ds = make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR", PixelData=None)
    store(pacs, ds)

    for suffix in ("rendered", "thumbnail"):
        assert client.get(f"{path_of(ds)}/{suffix}").status_code == 404


def test_the_parameters_say_how_a_picture_looks() -> None:
    parameters = QueryParams("quality=70&window=40,400.5,sigmoid&viewport=200,100,10,20,30,40")

    appearance = appearance_of(parameters, "image/jpeg")

    assert appearance.quality == 70
    assert (appearance.window, appearance.voi_function) == (Window(40, 400.5), "SIGMOID")
    assert appearance.viewport == Viewport(200, 100, (10, 20, 30, 40))


@pytest.mark.parametrize(
    "parameters",
    [
        *("quality=0", "quality=101", "quality=high", "quality="),
        *("window=40,400", "window=40,0,linear", "window=a,b,linear", "window=40,400,cubic", "window=nan,1,linear"),
        *("viewport=0,10", "viewport=10", "viewport=10,10,0,0", "viewport=9999,1", "viewport=1,1,0,0,-1,1"),
    ],
)
def test_parameters_that_say_nothing_are_refused(parameters: str) -> None:
    with pytest.raises(InvalidQuery):
        appearance_of(QueryParams(parameters), "image/jpeg")


def test_the_door_refuses_them_too(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())

    assert client.get(f"{path_of(ds)}/rendered?quality=0").status_code == 400
    assert client.get(f"{path_of(ds)}/thumbnail?viewport=x").status_code == 400

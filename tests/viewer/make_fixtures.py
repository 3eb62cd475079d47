"""Makes viewer/test/fixtures/*.json: numbers of numpy, pydicom and imagecodecs that the viewer's own must equal.

Run it by hand when a case is added: `python tests/viewer/make_fixtures.py`. It is deterministic.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.processing import apply_windowing, convert_color_space
from pydicom.uid import RLELossless

from pacs.dicom.htj2k import HTJ2K_RPCL, encode, resolution_ends

FIXTURES = Path(__file__).parents[2] / "viewer" / "test" / "fixtures"
ROWS, COLUMNS = 13, 18
JPEG = "1.2.840.10008.1.2.4."
Case = dict[str, Any]


def main() -> None:
    """Write every fixture."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    made = {
        "codecs": codec_cases(),
        "resolutions": resolution_cases(),
        "windows": window_cases(),
        "colours": colour_cases(),
    }
    for name, cases in made.items():
        text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (FIXTURES / f"{name}.json").write_text(f"[\n{text}\n]\n")


def picture(dtype: str, bits: int, samples: int = 1) -> NDArray[Any]:
    """A smooth picture with an edge and some noise that uses the whole range of `bits`."""
    rng = np.random.default_rng(bits * 10 + samples)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    planes = [
        np.sin(x / (3 + s)) + np.cos(y / (4 + s)) + (x > 9) + rng.random((ROWS, COLUMNS)) / 8 for s in range(samples)
    ]
    flat = np.stack(planes, axis=-1)
    unit = (flat - flat.min()) / (flat.max() - flat.min())
    signed = np.dtype(dtype).kind == "i"
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.round(low + unit * (2**bits - 1)).astype(dtype)
    plane: NDArray[Any] = values if samples > 1 else values[..., 0]
    return plane


def codec_cases() -> Iterator[Case]:
    """Frames written by other people's encoders, and the values they must give."""
    for dtype, bits in (("u1", 8), ("u2", 12), ("u2", 16), ("i2", 16)):
        grey = picture(dtype, bits)
        name = f"{bits} bits {'signed' if grey.dtype.kind == 'i' else 'unsigned'}"
        yield case(f"native {name}", "1.2.840.10008.1.2.1", grey.tobytes(), grey, bits)
        yield case(f"RLE {name}", RLELossless, rle(grey), grey, bits)
        yield case(
            f"JPEG 2000 {name}",
            f"{JPEG}90",
            imagecodecs.jpeg2k_encode(grey, level=0, codecformat="j2k", bitspersample=bits),
            grey,
            bits,
        )
        yield case(f"HTJ2K {name}", f"{JPEG}201", imagecodecs.htj2k_encode(grey, reversible=True), grey, bits)
        unsigned = grey.view(f"u{grey.itemsize}")
        yield case(f"JPEG-LS {name}", f"{JPEG}80", imagecodecs.jpegls_encode(unsigned), grey, bits)
        for predictor in range(1, 8):
            data = imagecodecs.jpeg8_encode(unsigned, lossless=True, predictor=predictor, bitspersample=bits)
            yield case(f"JPEG Lossless {name}, predictor {predictor}", f"{JPEG}57", data, grey, bits)
    yield from odd_cases()
    yield from rgb_cases()


def resolution_cases() -> Iterator[Case]:
    """Frames as the server makes them anew in HTJ2K, whole, and the bytes of a lower resolution of them."""
    for dtype, bits in (("u1", 8), ("u2", 12), ("u2", 16), ("i2", 12), ("i2", 16)):
        grey = np.tile(picture(dtype, bits), (1, 8))
        name = f"{bits} bits {'signed' if grey.dtype.kind == 'i' else 'unsigned'}"
        yield case(name, HTJ2K_RPCL, encode(grey), grey, bits, reduce=0)
        # What goes beyond the ends of the range is cut by one build, and comes round by the other.
        margin = 0 if grey.dtype.kind == "i" else 2 ** (bits - 2)
        yield reduced(name, grey // 2 + np.array(margin, grey.dtype), bits)
    for photometric in ("RGB", "YBR_FULL"):
        colour = np.tile(picture("u1", 8, 3), (1, 8, 1))
        back = convert_color_space(colour, photometric, "RGB") if photometric != "RGB" else colour
        yield case(photometric, HTJ2K_RPCL, encode(colour), back, 8, photometric=photometric, reduce=0)


def reduced(name: str, grey: NDArray[Any], bits: int) -> Case:
    """The frame halved once, as another build of the codec reads it."""
    data = encode(grey)
    ends = resolution_ends(data, max(grey.shape))
    prefix = data[: ends[-2]]
    small = imagecodecs.htj2k_decode(prefix, skipres=1, resilient=True)
    one = case(f"{name}, halved", HTJ2K_RPCL, prefix, small, bits, reduce=1)
    one["description"] |= {"rows": grey.shape[0], "columns": grey.shape[1]}
    return one | {"rows": small.shape[0], "columns": small.shape[1]}


def odd_cases() -> Iterator[Case]:
    """Stored bits that do not fill their word, 32 bits, real numbers."""
    twelve = picture("i2", 12)
    dirty = (twelve.view("u2") & 0x0FFF) | 0xA000
    yield case("12 bits signed with an overlay above them", "1.2.840.10008.1.2.1", dirty.tobytes(), twelve, 12)
    shifted = (picture("u2", 12) << 4) | 5
    yield case("12 bits at the top of 16", "1.2.840.10008.1.2.1", shifted.tobytes(), picture("u2", 12), 12, highBit=15)
    wide = picture("u4", 20)
    yield case("20 bits in 32", "1.2.840.10008.1.2.1", wide.tobytes(), wide, 20)
    real = (picture("u2", 16) / 977 - 20).astype("f4")
    yield case("real numbers", "1.2.840.10008.1.2.1", real.tobytes(), real, 32, float=True)
    double = real.astype("f8")
    yield case(
        "real numbers of 64 bits",
        "1.2.840.10008.1.2.1",
        double.tobytes(),
        double.astype("f4"),
        64,
        bitsAllocated=64,
        float=True,
    )


def rgb_cases() -> Iterator[Case]:
    """Three samples a pixel."""
    colour = picture("u1", 8, 3)
    planes = np.moveaxis(colour, -1, 0)
    ybr = convert_color_space(colour, "RGB", "YBR_FULL")
    back = convert_color_space(ybr, "YBR_FULL", "RGB")
    yield case("RGB by pixel", "1.2.840.10008.1.2.1", colour.tobytes(), colour, 8, photometric="RGB")
    yield case(
        "RGB by plane", "1.2.840.10008.1.2.1", planes.tobytes(), colour, 8, photometric="RGB", planarConfiguration=1
    )
    yield case("YBR_FULL", "1.2.840.10008.1.2.1", ybr.tobytes(), back, 8, photometric="YBR_FULL")
    yield case("RLE RGB", RLELossless, rle(colour), colour, 8, photometric="RGB")
    yield case(
        "HTJ2K RGB", f"{JPEG}201", imagecodecs.htj2k_encode(colour, reversible=True), colour, 8, photometric="RGB"
    )
    j2k = imagecodecs.jpeg2k_encode(colour, level=0, codecformat="j2k", mct=True)
    yield case("JPEG 2000 YBR_RCT", f"{JPEG}90", j2k, colour, 8, photometric="YBR_RCT")
    yield case("JPEG-LS RGB", f"{JPEG}80", imagecodecs.jpegls_encode(colour), colour, 8, photometric="RGB")
    lossless = imagecodecs.jpeg8_encode(colour, lossless=True, predictor=1, colorspace="RGB", outcolorspace="RGB")
    yield case("JPEG Lossless RGB", f"{JPEG}70", lossless, colour, 8, photometric="RGB")


def rle(array: NDArray[Any]) -> bytes:
    """One frame as RLE Lossless by pydicom."""
    samples = array.shape[2] if array.ndim == 3 else 1
    options = {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "bits_allocated": array.itemsize * 8,
        "bits_stored": array.itemsize * 8,
        "pixel_representation": int(array.dtype.kind == "i"),
        "photometric_interpretation": "MONOCHROME2" if samples == 1 else "RGB",
        "planar_configuration": 0,
    }
    return get_encoder(RLELossless).encode(array, encoding_plugin="pydicom", **options)


def case(
    name: str,
    syntax: str,
    data: bytes | bytearray,
    values: NDArray[Any],
    bits: int,
    reduce: int | None = None,
    **more: Any,
) -> Case:
    """One frame, its description as the viewer has it, and its values."""
    description: Case = {
        "transferSyntaxUid": str(syntax),
        "rows": values.shape[0],
        "columns": values.shape[1],
        "samplesPerPixel": values.shape[2] if values.ndim == 3 else 1,
        "photometric": "MONOCHROME2",
        "planarConfiguration": 0,
        "bitsAllocated": values.itemsize * 8,
        "bitsStored": bits,
        "highBit": bits - 1,
        "signed": values.dtype.kind == "i",
        "float": False,
        **more,
    }
    return {
        "name": name,
        **({} if reduce is None else {"reduce": reduce}),
        "description": description,
        "bytes": base64.b64encode(data).decode(),
        "values": values.ravel().tolist(),
    }


def window_cases() -> Iterator[Case]:
    """Modality values, a window, and the grey pydicom gives, 0 to 255 and not rounded."""
    values = np.array(
        [-3000, -1024, -600.5, -161, -160, -159.5, -1, 0, 0.25, 1, 39.5, 40, 239, 240, 241, 2048.0, 70000]
    )
    windows = [(40, 400), (0, 1), (0.5, 1), (128, 256), (-600, 1500), (2048, 4096), (0.5, 2), (40.3, 80.7)]
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        for center, width in windows:
            yield {
                "voi": function,
                "center": center,
                "width": width,
                "values": values.tolist(),
                "greys": greys(values, center, width, function),
            }


def greys(values: NDArray[Any], center: float, width: float, function: str) -> list[float]:
    """PS3.3 C.11.2.1.2 as pydicom does it."""
    ds = Dataset()
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsStored = 8
    ds.PixelRepresentation = 0
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = center, width, function
    found: list[float] = np.round(apply_windowing(values, ds), 6).tolist()
    return found


def colour_cases() -> Iterator[Case]:
    """YBR_FULL and what pydicom makes of it."""
    steps = np.array([0, 16, 64, 127, 128, 129, 200, 235, 255], dtype="u1")
    ybr = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    yield {"ybr": ybr.ravel().tolist(), "rgb": convert_color_space(ybr, "YBR_FULL", "RGB").ravel().tolist()}


if __name__ == "__main__":
    main()

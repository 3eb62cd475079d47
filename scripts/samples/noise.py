"""Textures: noise with the grain that tissue has, the same on every run."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def grain(shape: tuple[int, ...], size: float, seed: int) -> Array:
    """Gaussian noise smoothed to features of about `size` samples, of mean 0 and deviation 1."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    spectrum = np.fft.rfftn(noise)
    for axis, length in enumerate(shape):
        frequencies = np.fft.rfftfreq(length) if axis == len(shape) - 1 else np.fft.fftfreq(length)
        form = [1] * len(shape)
        form[axis] = -1
        spectrum *= np.exp(-2 * (np.pi * frequencies * size / 2) ** 2).reshape(form)
    smooth = np.fft.irfftn(spectrum, shape, axes=tuple(range(len(shape))))
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


def soft(distance: Array, edge: float = 1.0) -> Array:
    """1 inside (distance below 0), 0 outside, over an edge of that width."""
    return np.clip(0.5 - distance / edge, 0, 1).astype(np.float32)


def ellipsoid(axes: tuple[Array, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> Array:
    """A signed distance, nearly: below 0 inside, in the unit of the axes."""
    scaled = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    return ((np.sqrt(scaled) - 1) * min(radii)).astype(np.float32)


def blend(image: Array, value: Array | float, mask: Array) -> None:
    """Put a value where the mask is, in place."""
    image += (value - image) * mask

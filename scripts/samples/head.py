"""A head: skull, brain with its folds, ventricles and eyes, as tissues that CT and MR see in their own ways."""

from dataclasses import dataclass

import numpy as np

from scripts.samples.noise import Array, blend, ellipsoid, grain, soft

SIZE = 192
"""Samples along each side of the cube."""
SPACING_MM = 1.2


@dataclass(frozen=True, slots=True)
class Head:
    """Where each tissue is, 0 to 1. Arrays of shape (z, y, x): upwards, to the back, to the patient's left."""

    scalp: Array
    skull: Array
    muscle: Array
    marrow: Array
    fluid: Array
    grey: Array
    white: Array
    deep: Array
    eyes: Array
    sinuses: Array
    air: Array
    lesion: Array
    fine: Array
    coarse: Array


def head(seed: int) -> Head:
    """The cube of 192 samples of 1.2 mm."""
    line = (np.arange(SIZE, dtype=np.float32) - SIZE / 2) * SPACING_MM
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    axes = (x, y, z)
    coarse, fine = grain((SIZE,) * 3, 9, seed), grain((SIZE,) * 3, 1.3, seed + 1)
    outer = _outline(axes, 0) + 0.6 * coarse
    inner = _outline(axes, 13) + 0.8 * coarse
    brain = np.maximum(_outline(axes, 17), -_gap(x, y, z))
    cerebellum = ellipsoid(axes, (0, 40, -40), (58, 42, 30))
    cerebrum = np.maximum(np.maximum(brain, -(z + 36 + 0.4 * y)), -(z + 38 - 0.55 * y))
    stem = np.maximum(ellipsoid((x, y), (0, 20), (14, 13)), np.abs(z + 52) - 42)
    folds = np.abs(grain((SIZE,) * 3, 11, seed + 2)) - 0.17
    sulci = soft(folds * 9, 1) * soft(-cerebrum - 15, 6) * soft(cerebrum, 1)
    tissue = np.maximum(soft(cerebrum, 1.5), np.maximum(soft(cerebellum, 1.5), soft(stem, 1.5)))
    ventricles = _ventricles(axes)
    depth = -cerebrum - 3.4 - 3.2 * np.abs(grain((SIZE,) * 3, 6, seed + 3)) - 9 * soft(folds * 7 - 1, 2)
    white = np.maximum(soft(-depth, 1.5) * soft(cerebrum, 1), soft(cerebellum + 7 + 3 * coarse, 2))
    white = np.maximum(white, soft(stem, 2)) * (1 - ventricles)
    deep = sum(
        soft(ellipsoid(axes, (side * a, b, c), r), 2)
        for side in (-1, 1)
        for a, b, c, r in ((14, 6, 2, (8, 13, 9)), (25, -8, 0, (6, 17, 10)), (13, -18, 9, (5, 8, 9)))
    )
    eyes = sum(soft(ellipsoid(axes, (side * 32, -78, -30), (12, 12, 12)), 1.5) for side in (-1, 1))
    sinuses = soft(ellipsoid(axes, (0, -72, -44), (13, 22, 20)), 2) + soft(
        ellipsoid(axes, (0, -86, -4), (18, 5, 12)), 2
    )
    lesion = soft(ellipsoid(axes, (34, 22, 14), (11, 13, 10)) + 2.5 * coarse, 3)
    base = np.maximum(_outline(axes, 6) + 0.6 * coarse, -(z + 48 + 0.4 * y))
    bone = soft(base, 1.5) * (1 - soft(inner, 1.5))
    marrow = soft(np.abs((base + inner) / 2) - 1.2, 1.5) * bone
    face = soft(outer, 1.5)
    scalp = face * (1 - soft(outer + 6, 1.5))
    return Head(
        scalp=scalp,
        skull=bone,
        muscle=face * (1 - scalp) * (1 - np.maximum(bone, soft(inner, 1.5))),
        marrow=marrow,
        fluid=np.clip(soft(inner, 1.5) * (1 - tissue * (1 - sulci)) + ventricles, 0, 1),
        grey=tissue * (1 - sulci) * (1 - white) * (1 - ventricles),
        white=np.clip(white * (1 - deep) * (1 - sulci), 0, 1),
        deep=np.clip(deep * white, 0, 1),
        eyes=eyes,
        sinuses=np.clip(sinuses, 0, 1),
        air=1 - face,
        lesion=lesion,
        fine=fine,
        coarse=coarse,
    )


def ct(head: Head) -> Array:
    """The head in Hounsfield units, with a fresh bleeding where the lesion is."""
    image = np.full((SIZE,) * 3, -1000, np.float32)
    blend(image, -60, head.scalp)
    blend(image, 52 + 9 * head.coarse, head.muscle)
    blend(image, 1150 + 120 * head.fine, head.skull)
    blend(image, 500 + 150 * head.fine, head.marrow)
    blend(image, 6, head.fluid)
    blend(image, 39, head.grey)
    blend(image, 29, head.white)
    blend(image, 37, head.deep)
    blend(image, 12, head.eyes)
    blend(image, 66 + 3 * head.coarse, head.lesion)
    blend(image, -950, head.sinuses)
    return image + 3.5 * head.fine


def mr(head: Head, weights: dict[str, float], noise: float) -> Array:
    """The head as a sequence sees it: one signal a tissue, arbitrary units, with the receiver's shading."""
    image = np.zeros((SIZE,) * 3, np.float32)
    for tissue in ("scalp", "muscle", "skull", "marrow", "fluid", "grey", "white", "deep", "eyes", "lesion"):
        if tissue in weights:
            blend(image, weights[tissue], getattr(head, tissue))
    blend(image, 12.0, head.sinuses)
    shading = 1 + 0.05 * head.coarse
    return np.clip(image * shading + noise * head.fine + noise * 0.6 * np.abs(head.fine) * head.air, 0, 4095)


T1 = {"scalp": 900, "muscle": 330, "skull": 90, "marrow": 640, "fluid": 160, "grey": 430, "white": 640}
T1 |= {"deep": 500, "eyes": 180, "lesion": 360}
T2 = {"scalp": 560, "muscle": 210, "skull": 60, "marrow": 330, "fluid": 1150, "grey": 540, "white": 390}
T2 |= {"deep": 410, "eyes": 1180, "lesion": 880}
FLAIR = {"scalp": 600, "muscle": 260, "skull": 60, "marrow": 300, "fluid": 90, "grey": 520, "white": 400}
FLAIR |= {"deep": 430, "eyes": 110, "lesion": 960}


def _outline(axes: tuple[Array, Array, Array], inset: float) -> Array:
    x, y, z = axes
    vault = ellipsoid(axes, (0, 2, 6), (76 - inset, 93 - inset, 82 - inset))
    if inset:
        return np.maximum(vault, -(z + 42 + 0.4 * y)) if inset > 6 else vault
    face = np.maximum(ellipsoid(axes, (0, -30, -62), (62, 62, 66)), -(z + 114))
    neck = np.maximum(ellipsoid((x, y), (0, 26), (56, 56)), z + 30)
    return np.minimum(np.minimum(vault, face), neck)


def _gap(x: Array, y: Array, z: Array) -> Array:
    """The cleft between the halves of the brain, above the bridge that joins them."""
    bridge = ellipsoid((y, z), (6, 4), (44, 24))
    return np.maximum(np.abs(x) - 1.1, -bridge)


def _ventricles(axes: tuple[Array, Array, Array]) -> Array:
    x, y, z = axes
    found = soft(np.maximum(np.abs(x) - 2.2, ellipsoid((y, z), (4, -2), (18, 10))), 1.5)
    for side in (-1, 1):
        arch = ellipsoid((y, z), (4, 6), (36, 18))
        horn = np.hypot(np.abs(arch) * 0.9, x - side * (9 + 0.16 * np.abs(y))) - 6 + 0.05 * np.abs(y)
        found = np.maximum(found, soft(np.maximum(horn, -(z + 4)), 1.5))
    return found

"""A chest: body, lungs with their vessels, heart, great vessels, spine and ribs, in Hounsfield units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.samples.noise import Array, blend, ellipsoid, grain, soft

SIZE = 320
SPACING_MM = 1.2
SLICES = 72
THICKNESS_MM = 4.0
AIR, LUNG, FAT, MUSCLE, BLOOD, BONE = -1000.0, -860.0, -95.0, 50.0, 165.0, 420.0


@dataclass(frozen=True, slots=True)
class Vessel:
    """A piece of a vessel, from one point to another, in millimetres."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float


def chest(seed: int, nodule_mm: float) -> Array:
    """The volume, shape (slices, rows, columns), from the apices down; a nodule of that radius in the right lung."""
    texture = grain((SLICES, SIZE, SIZE), 5, seed)
    fine = grain((SLICES, SIZE, SIZE), 1.6, seed + 1)
    vessels = [*_tree(seed + 2, side=-1), *_tree(seed + 3, side=1)]
    return np.stack([_slice(number, texture[number], fine[number], vessels, nodule_mm) for number in range(SLICES)])


def _axes(z: float) -> tuple[Array, Array, Array]:
    half = (SIZE - 1) / 2 * SPACING_MM
    line = np.linspace(-half, half, SIZE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x, y, np.full_like(x, z)


def _slice(number: int, texture: Array, fine: Array, vessels: list[Vessel], nodule_mm: float) -> Array:
    z = (number - SLICES / 2) * THICKNESS_MM
    axes = x, y, _ = _axes(z)
    image = np.full((SIZE, SIZE), AIR, np.float32)
    shoulders = np.clip((-z - 95) / 60, 0, 1)
    body = ellipsoid((x, y), (0, 4), (168 + 14 * shoulders, 112 - 10 * shoulders))
    blend(image, FAT + 9 * texture, soft(body, 2))
    blend(image, MUSCLE + 7 * texture + 6 * fine, soft(body + 13 + 4 * texture, 3))
    cavity = _cavity(axes, z)
    _ribs(image, x, y, z, fine)
    lungs = [_lung(axes, z, side) for side in (-1, 1)]
    heart = np.minimum(
        ellipsoid(axes, (22, -18, 62), (62, 50, 62)) + 2 * texture, ellipsoid(axes, (-20, -20, 46), (36, 34, 48))
    )
    blend(image, FAT + 20 * texture, soft(cavity, 4) * soft(np.abs(x) - 46, 14))
    for lung in lungs:
        inside = soft(lung, 2.5) * (1 - soft(heart - 5, 5))
        blend(image, LUNG + 0.55 * (y + 20) + 16 * texture + 14 * fine, inside)
        for vessel in vessels:
            _draw(image, x, y, z, vessel, inside)
    blend(image, 60 + 3 * texture, soft(heart - 3, 3))
    blend(image, BLOOD + 8 * texture, soft(heart + 9, 5))
    _great_vessels(image, axes, z, texture)
    _spine(image, x, y, z, fine)
    _airways(image, x, y, z)
    _liver(image, axes, texture)
    nodule = ellipsoid(axes, (-86, 18, -20), (nodule_mm, nodule_mm * 0.9, nodule_mm * 1.1)) + 1.4 * fine
    blend(image, 38, soft(nodule, 2))
    _table(image, x, y)
    return image + 9 * fine * soft(body, 2)


def _cavity(axes: tuple[Array, Array, Array], z: float) -> Array:
    x, y, _ = axes
    return ellipsoid((x, y), (0, -2), (134 - 0.0016 * (z - 40) ** 2, 88 - 0.0011 * (z - 40) ** 2))


def _lung(axes: tuple[Array, Array, Array], z: float, side: int) -> Array:
    x, y, _ = axes
    dome = (
        ellipsoid(axes, (side * 72, -6, 168), (76, 96, 96))
        if side > 0
        else ellipsoid(axes, (-72, -6, 150), (80, 98, 96))
    )
    lung = ellipsoid(axes, (side * 70, 0, 30), (58, 84, 172))
    mediastinum = 24 - side * x
    return np.maximum(np.maximum(lung, -dome), mediastinum + 6 * np.cos(y / 22))


def _ribs(image: Array, x: Array, y: Array, z: float, fine: Array) -> None:
    angle = np.arctan2(y + 2, np.abs(x))
    ring = ellipsoid((x, y), (0, -1), (143 - 0.0016 * (z - 40) ** 2, 97 - 0.0011 * (z - 40) ** 2))
    for rib in range(11):
        level = -150 + rib * 28 + 62 * np.clip(0.7 - angle / 1.6, 0, 1.4)
        across = np.sqrt((ring / 5.2) ** 2 + ((z - level) / 7.5) ** 2) - 1
        blend(image, BONE + 130 + 40 * fine, soft(across * 5, 3))
        blend(image, 170 + 30 * fine, soft((across + 0.45) * 5, 3))
    sternum = ellipsoid((x, y), (0, -98), (19, 6.5))
    blend(image, 260 + 40 * fine, soft(sternum, 3) * float(-110 < z < 70))


def _spine(image: Array, x: Array, y: Array, z: float, fine: Array) -> None:
    disc = abs((z + 200) % 26 - 13) > 10.5
    body = ellipsoid((x, y), (0, 62), (19, 15.5))
    blend(image, 90 if disc else 210 + 45 * fine, soft(body, 2))
    if not disc:
        blend(image, BONE + 60, soft(np.abs(body + 1.5) - 1.4, 1.5))
    canal = ellipsoid((x, y), (0, 84), (10, 8.5))
    blend(image, BONE, soft(np.abs(canal - 3) - 2.5, 2) * soft(np.abs(x) - 15, 4))
    blend(image, 32, soft(canal, 2))
    process = np.maximum(np.abs(x) - 3.6, np.abs(y - 103) - 13)
    blend(image, BONE - 90, soft(process, 2.5))
    for side in (-1, 1):
        transverse = ellipsoid((x, y), (side * 27, 80), (15, 5))
        blend(image, BONE - 120 + 30 * fine, soft(transverse, 3) * float(not disc))


def _great_vessels(image: Array, axes: tuple[Array, Array, Array], z: float, texture: Array) -> None:
    x, y, zs = axes
    value = BLOOD + 15 + 5 * texture
    if z > -48:
        blend(image, value, soft(ellipsoid((x, y), (26, 44), (13, 13)), 2))
    arch = np.sqrt((np.hypot(y - 8, (zs + 48) * 1.0) - 36) ** 2 + (x - 12 - 0.2 * y) ** 2) - 13
    blend(image, value, soft(arch, 2) * float(z <= -40))
    if -52 < z < 40:
        blend(image, value, soft(ellipsoid((x, y), (-8, -24), (16, 16)), 2))
        blend(image, value - 20, soft(ellipsoid((x, y), (-32, -14), (9, 11)), 2))
    trunk = np.sqrt((np.hypot(x * 0.9 - 6, y - 6) - 30) ** 2 + (zs + 8) ** 2) - 11
    blend(image, value, soft(trunk, 2) * soft(y - 4, 20))


def _airways(image: Array, x: Array, y: Array, z: float) -> None:
    def tube(cx: float, cy: float, radius: float) -> None:
        distance = ellipsoid((x, y), (cx, cy), (radius, radius))
        blend(image, 20, soft(distance - 2, 1.5))
        blend(image, AIR, soft(distance, 1.5))

    if z < -34:
        tube(-3, 18, 9)
    elif z < 26:
        spread = (z + 34) * 0.72
        tube(-6 - spread, 20 + 0.1 * spread, 6.5)
        tube(4 + spread, 20 + 0.2 * spread, 6)
    oesophagus = ellipsoid((x, y), (8, 40), (7, 5))
    blend(image, 38, soft(oesophagus, 2))


def _liver(image: Array, axes: tuple[Array, Array, Array], texture: Array) -> None:
    liver = np.maximum(ellipsoid(axes, (-64, -4, 158), (84, 84, 84)), ellipsoid(axes, (0, -2, 100), (128, 82, 120)))
    blend(image, 108 + 7 * texture, soft(liver, 3))
    spleen = ellipsoid(axes, (88, 30, 150), (38, 46, 50))
    blend(image, 120 + 6 * texture, soft(spleen, 3))
    stomach = ellipsoid(axes, (58, -22, 150), (38, 42, 40))
    blend(image, 30 + 8 * texture, soft(stomach, 3))
    blend(image, AIR + 60, soft(np.maximum(stomach + 5, axes[1] + 40), 2))


def _table(image: Array, x: Array, y: Array) -> None:
    curve = y - 138 + 0.0011 * x**2
    edge = np.abs(curve) - 1.6
    blend(image, -420, np.where(np.abs(x) < 172, soft(edge, 2), 0) * (image < -900))


def _tree(seed: int, side: int) -> list[Vessel]:
    """The vessels of one lung: from the hilum outwards, each branch thinner, until they are hair."""
    random = np.random.default_rng(seed)
    hilum = np.array([side * 30.0, 14.0, -4.0])
    found: list[Vessel] = []

    def grow(start: NDArray[np.float64], direction: NDArray[np.float64], radius: float, length: float) -> None:
        end = start + direction * length
        found.append(Vessel(start, end, radius))
        if radius < 0.75:
            return
        for share in (0.83, 0.66):
            turned = direction + random.normal(0, 0.46, 3)
            grow(end, turned / np.linalg.norm(turned), radius * share, length * random.uniform(0.72, 0.95))

    for _ in range(9):
        towards = np.array([side * random.uniform(0.25, 1), random.uniform(-0.8, 0.9), random.uniform(-1.2, 1.2)])
        grow(hilum, towards / np.linalg.norm(towards), random.uniform(3.2, 5.2), 27)
    return found


def _draw(image: Array, x: Array, y: Array, z: float, vessel: Vessel, inside: Array) -> None:
    """Where a vessel crosses this slice: drawn in its own small window, or nowhere."""
    low, high = sorted((vessel.start[2], vessel.end[2]))
    reach = vessel.radius + THICKNESS_MM / 2
    if not low - reach <= z <= high + reach:
        return
    rise = vessel.end - vessel.start
    centre = SIZE / 2
    points = np.stack([vessel.start, vessel.end])[:, :2] / SPACING_MM + centre
    first = np.clip(np.floor(points.min(0) - reach - 2).astype(int), 0, SIZE)
    last = np.clip(np.ceil(points.max(0) + reach + 2).astype(int), 0, SIZE)
    window = (slice(first[1], last[1]), slice(first[0], last[0]))
    dx, dy, dz = x[window] - vessel.start[0], y[window] - vessel.start[1], z - vessel.start[2]
    along = np.clip((dx * rise[0] + dy * rise[1] + dz * rise[2]) / float(rise @ rise), 0, 1)
    apart = np.sqrt((dx - along * rise[0]) ** 2 + (dy - along * rise[1]) ** 2 + ((dz - along * rise[2]) * 0.7) ** 2)
    part = image[window]
    blend(part, 30.0, soft((apart - vessel.radius).astype(np.float32), 1.8) * inside[window])

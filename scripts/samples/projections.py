"""What a plate, a probe and an image intensifier see: chest film, hand, breasts, heart by ultrasound, coronary run."""

import numpy as np
from PIL import Image

from scripts.samples.chest import SPACING_MM, THICKNESS_MM
from scripts.samples.noise import Array, blend, ellipsoid, grain, soft


def chest_film(volume: Array, seed: int) -> Array:
    """The chest from behind, 12 bits, MONOCHROME2, shape (720, 960): the rays' sum through the CT volume."""
    density = np.clip((volume + 1000) / 1000, 0, None) * (1 + 0.6 * (volume > 180))
    sums = density[:, ::-1].sum(1) * SPACING_MM / 10
    height = round(volume.shape[0] * THICKNESS_MM / SPACING_MM * 3)
    film = np.asarray(Image.fromarray(sums).resize((volume.shape[2] * 3, height), Image.Resampling.BICUBIC))
    film = 1 - np.exp(-0.115 * film)
    film = film + 0.006 * grain(film.shape, 1.2, seed) + 0.004 * grain(film.shape, 4, seed + 1)
    return np.clip(film * 4400 - 260, 0, 4095)


def hand(seed: int) -> Array:
    """A left hand, 12 bits, MONOCHROME1 values (bone is low), shape (1024, 768)."""
    rows, columns = 1024, 768
    y, x = np.meshgrid(np.arange(rows, dtype=np.float32), np.arange(columns, dtype=np.float32), indexing="ij")
    thickness = np.zeros((rows, columns), np.float32)
    bone = np.zeros_like(thickness)
    texture = grain(thickness.shape, 3, seed)
    fingers = (((250, 560), (118, 130)), ((342, 540), (300, 40)), ((430, 545), (446, 70)), ((508, 575), (578, 170)))
    thumb = ((215, 700), (60, 470))
    palm = ellipsoid((x, y), (370, 690), (200, 210))
    wrist = np.maximum(np.abs(x - 385) - 128, 800 - y)
    thickness = np.maximum(_round(palm, 62), _round(wrist.astype(np.float32), 62))
    for base, tip in (*fingers, thumb):
        thickness = np.maximum(thickness, _round(_capsule(x, y, base, tip) - 40, 40))
        for start, end in ((0.08, 0.46), (0.52, 0.76), (0.81, 0.98)):
            _long_bone(bone, x, y, _between(base, tip, start), _between(base, tip, end), 15, texture)
        _long_bone(bone, x, y, _between((385, 850), base, 0.30), _between((385, 850), base, 0.97), 17, texture)
    for cx, cy, r in (
        (300, 800, 34),
        (352, 790, 32),
        (404, 792, 34),
        (452, 804, 32),
        (318, 856, 36),
        (380, 858, 38),
        (436, 856, 32),
    ):
        carpal = ellipsoid((x, y), (cx, cy), (r, r * 0.86)) + 2.5 * texture
        bone += (24 + 5 * texture) * soft(carpal, 4) + 16 * soft(np.abs(carpal + 3) - 3, 3)
    _long_bone(bone, x, y, (334, 920), (338, 1100), 44, texture)
    _long_bone(bone, x, y, (450, 930), (444, 1100), 34, texture)
    through = 0.9 * thickness * (1 + 0.02 * grain(thickness.shape, 12, seed + 1)) + 2.3 * bone
    return np.clip(3900 * np.exp(-0.0062 * through) + 14 * grain(thickness.shape, 1.2, seed + 2), 0, 4095)


def breast(seed: int, side: int) -> Array:
    """A breast from above (CC), 12 bits, shape (1280, 960); side 1: the chest wall is at the left of the image."""
    rows, columns = 1280, 960
    y, x = np.meshgrid(np.arange(rows, dtype=np.float32), np.arange(columns, dtype=np.float32), indexing="ij")
    outline = ellipsoid((x, y), (-60, 640), (720, 520)) + 4 * grain((rows, columns), 60, seed)
    inside = soft(outline, 3)
    rim = np.clip(-outline / 60, 0, 1) ** 0.6
    glands = grain((rows, columns), 46, seed + 1) + 0.7 * grain((rows, columns), 18, seed + 2)
    glands *= soft(ellipsoid((x, y), (230, 620), (330, 300)), 240)
    strands = 1 - np.clip(np.abs(grain((rows, columns), 26, seed + 3)) * 5, 0, 1)
    image = 900 + 780 * rim + 420 * np.clip(glands, -0.4, 2.4) + 190 * strands * rim
    mass = ellipsoid((x, y), (330, 520), (46, 40)) + 9 * grain((rows, columns), 12, seed + 4)
    blend(image, image + 560, soft(mass, 18) * float(side > 0))
    random = np.random.default_rng(seed + 5)
    for _ in range(16):
        spot = ellipsoid((x, y), (random.normal(352, 24), random.normal(760, 22)), (random.uniform(1.5, 3.2),) * 2)
        blend(image, 3300, soft(spot, 2) * float(side < 0))
    image = image * inside + 30 + (16 * inside + 5) * grain((rows, columns), 1.2, seed + 6)
    return np.clip(image if side > 0 else image[:, ::-1], 0, 4095)


def heart_echo(seed: int, frames: int) -> np.ndarray:
    """Four chambers through a beat, colour flow in the inflow; RGB, shape (frames, 480, 640, 3), uint8."""
    rows, columns = 480, 640
    y, x = np.meshgrid(np.arange(rows, dtype=np.float32), np.arange(columns, dtype=np.float32), indexing="ij")
    dx, dy = x - 320, y - 18
    radius, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    sector = soft(np.abs(angle) * 300 - 0.66 * 300, 3) * soft(radius - 440, 3) * soft(24 - radius, 3)
    # Speckle keeps its grain along the beam, so it is made on (radius, angle) and looked up here.
    polar = np.abs(grain((512, 256), 2.2, seed)) * 0.7 + 0.4
    speckle = polar[np.clip(radius, 0, 511).astype(int), np.clip((angle + 0.7) * 182, 0, 255).astype(int)]
    pictures = []
    for number in range(frames):
        squeeze = 0.5 - 0.5 * np.cos(2 * np.pi * number / frames)
        left = ellipsoid((x, y), (366, 178), (52 - 15 * squeeze, 112 - 20 * squeeze))
        right = ellipsoid((x, y), (256, 188), (40 - 9 * squeeze, 92 - 12 * squeeze))
        atria = [ellipsoid((x, y), (c, 350), (46 + 8 * squeeze, 52 + 8 * squeeze)) for c in (372, 262)]
        muscle = np.minimum(np.minimum(left, right) - 24, np.minimum(*atria) - 9)
        echo = 0.20 + 0.52 * soft(muscle, 12)
        for chamber in (left, right, *atria):
            blend(echo, 0.035, soft(chamber, 9))
        for centre in (368, 260):
            opening = 15 * (1 - squeeze)
            for half in (-1, 1):
                leaf = _capsule(x, y, (centre + half * 42, 296), (centre + half * (4 + opening), 268 - opening)) - 3.5
                blend(echo, 0.85, soft(leaf, 4))
        grey = 255 * np.clip(echo * speckle * 1.25 * (1 - radius / 1100), 0, 1) * sector
        picture = np.repeat(grey[..., None], 3, 2)
        jet = np.exp(-(((x - 368) / 24) ** 2) - ((y - 245) / 64) ** 2) * (1 - squeeze) * soft(left, 10)
        flow = soft(0.30 - jet, 0.1) * sector
        colour = np.stack([235 * flow, 70 * flow * np.clip(jet * 2 - 0.7, 0, 1) * 3, 25 * flow], 2)
        picture = np.where(flow[..., None] > 0.5, 0.25 * picture + colour, picture)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def coronary_run(seed: int, frames: int) -> np.ndarray:
    """Contrast running into the left coronary tree, 8 bits, shape (frames, 384, 384), uint8."""
    size = 384
    y, x = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32), indexing="ij")
    back = 168 + 26 * grain((size, size), 70, seed) - 34 * soft(ellipsoid((x, y), (205, 225), (150, 140)), 90)
    for number in range(7):
        rib = np.abs(y - 20 - 58 * number - 0.0011 * (x - 40) ** 2 + 30) - 9
        back -= 11 * soft(rib, 7)
    back -= 16 * soft(np.abs(x - 330 + 0.08 * y) - 26, 18)
    branches = _coronaries(seed + 1)
    pictures = []
    for number in range(frames):
        beat = np.sin(2 * np.pi * number / 10)
        front = number / frames * 1.9
        image = back.copy()
        image -= 58 * soft(_capsule(x, y, (70, -10), (126, 96)) - 3.4, 2)
        image -= 58 * soft(np.abs(np.hypot(x - 136, y - 106) - 14) - 3, 2) * soft(y - 112, 6)
        for (start, end), radius, order in branches:
            filled = np.clip((front - order) * 2.4, 0, 1) * np.clip((order + 1.5 - front) * 2, 0.2, 1)
            shift = 3.2 * beat * order
            a, b = (start[0] + shift, start[1] - shift), (end[0] + shift, end[1] - shift)
            distance = _capsule(x, y, a, b)
            image -= filled * 88 * np.sqrt(np.clip(1 - (distance / (radius + 0.8)) ** 2, 0, 1))
        noise = np.random.default_rng(seed + 10 + number).standard_normal((size, size))
        pictures.append(np.clip(image + 3.2 * noise, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def _coronaries(seed: int) -> list[tuple[tuple[tuple[float, float], tuple[float, float]], float, float]]:
    random = np.random.default_rng(seed)
    found = []

    def grow(x: float, y: float, heading: float, radius: float, order: float, left: int) -> None:
        for _ in range(left):
            end = (x + 17 * np.cos(heading), y + 17 * np.sin(heading))
            found.append((((x, y), end), radius, order))
            x, y = end
            heading += random.normal(0, 0.17)
            radius *= 0.93
            order += 0.055
            if radius > 1.6 and random.random() < 0.33:
                grow(x, y, heading + random.choice((-0.8, 0.8)), radius * 0.66, order, left // 2 + 1)

    grow(146, 118, 0.2, 5.6, 0.0, 2)
    grow(178, 124, 0.75, 4.8, 0.1, 13)
    grow(178, 124, 1.75, 4.4, 0.1, 11)
    return found


def _capsule(x: Array, y: Array, start: tuple[float, float], end: tuple[float, float]) -> Array:
    """Distance from the line between two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(x - start[0] - along * dx, y - start[1] - along * dy).astype(np.float32)


def _round(distance: Array, depth: float) -> Array:
    """How thick a rounded thing is: nothing at its edge, twice `depth` in its middle."""
    inside = np.clip(-distance / depth, 0, 1)
    return (2 * depth * np.sqrt(np.clip(1 - (1 - inside) ** 2, 0, 1))).astype(np.float32)


def _between(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _long_bone(
    bone: Array, x: Array, y: Array, start: tuple[float, float], end: tuple[float, float], radius: float, texture: Array
) -> None:
    """A shaft with a dense wall, wider at both ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    width = radius * (0.72 + 0.42 * (2 * np.abs(along - 0.5)) ** 3)
    distance = _capsule(x, y, start, end) - width
    wall = np.abs(distance + width * 0.2) - width * 0.2
    bone += (radius * 0.9 + 3 * texture) * soft(distance, 4) + radius * 0.9 * soft(wall, 4)

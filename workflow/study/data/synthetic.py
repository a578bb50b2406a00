"""Render a dataset that needs no download: images of shapes with surfaces, in the size of CIFAR's.

A superclass is a shape (rings, stars, keys, ...) and its classes differ in surface (checked, dotted, plain, shaded,
striped); colours, pose, lighting and background say nothing about the class.

The arrays must be the same everywhere, or the checksum of the manifest would not hold. So all arithmetic is on
integers, and random numbers come from RandomState, whose stream numpy has frozen.
"""

import hashlib
from collections.abc import Callable

import numpy as np

from study.data.manifest import Manifest
from study.data.source import Part, Source
from study.errors import StudyError

SEED = 2009
SIDE = 32
SUPERSAMPLING = 3  # samples per pixel and axis, for smooth edges
GRID = SIDE * SUPERSAMPLING
UNIT = 1000  # radius of a shape in its own coordinates, in which u points right and v down

Field = Callable[[np.ndarray, np.ndarray], np.ndarray]  # a value for each point of the plane


def _polygon(*corners: tuple[int, int]) -> Field:
    """Even-odd rule: a point is inside if a ray from it to the left crosses an odd number of edges."""

    def contains(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        inside = np.zeros(u.shape, dtype=bool)
        for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
            if v0 > v1:
                u0, v0, u1, v1 = u1, v1, u0, v0
            inside ^= (v >= v0) & (v < v1) & ((u - u0) * (v1 - v0) >= (v - v0) * (u1 - u0))
        return inside

    return contains


def _disc(u0: int, v0: int, radius: int) -> Field:
    return lambda u, v: (u - u0) * (u - u0) + (v - v0) * (v - v0) <= radius * radius


def _box(left: int, top: int, right: int, bottom: int) -> Field:
    return lambda u, v: (u >= left) & (u <= right) & (v >= top) & (v <= bottom)


def _union(*regions: Field) -> Field:
    return lambda u, v: np.logical_or.reduce([region(u, v) for region in regions])


def _both(one: Field, other: Field) -> Field:
    return lambda u, v: one(u, v) & other(u, v)


def _without(region: Field, hole: Field) -> Field:
    return lambda u, v: region(u, v) & ~hole(u, v)


_ROUND_ARCH = _union(_disc(0, -80, 920), _box(-920, -80, 920, 940))
_ARCHWAY = _union(_disc(0, -80, 430), _box(-430, -80, 430, 940))
_ZIGZAG = ((250, -1100), (-750, 200), (-100, 200), (-350, 1100), (750, -300), (80, -300), (650, -1100))
_FISH_BODY = _both(_disc(-250, -520, 1000), _disc(-250, 520, 1000))
_PETALS = [_disc(u, v, 410) for u, v in ((0, -640), (609, -198), (376, 518), (-376, 518), (-609, -198))]
_HEART_TIP = _polygon((0, -600), (905, -50), (0, 1000), (-905, -50))
_BULBS = ((-800, -1000), (800, -1000), (180, 0), (800, 1000), (-800, 1000), (-180, 0))
_WALLS_AND_ROOF = ((0, -1050), (1050, -200), (800, -200), (800, 900), (-800, 900), (-800, -200), (-1050, -200))
_KEY_BIT = _union(_box(-200, 50, 200, 1150), _box(0, 420, 620, 660), _box(0, 880, 620, 1150))
_STAR_RIGHT = ((0, -1150), (294, -404), (1094, -355), (475, 154), (676, 930))
_STAR_LEFT = ((-676, 930), (-475, 154), (-1094, -355), (-294, -404))

# shape: (its plural, which names the superclass; which points (u, v) belong to the object)
SHAPES: dict[str, tuple[str, Field]] = {
    "arch": ("arches", _without(_ROUND_ARCH, _ARCHWAY)),
    "arrow": ("arrows", _union(_polygon((0, -1050), (900, -80), (-900, -80)), _box(-400, -80, 400, 1000))),
    "bolt": ("bolts", _polygon(*_ZIGZAG)),
    "chevron": ("chevrons", _polygon((-950, -850), (-150, -850), (800, 0), (-150, 850), (-950, 850), (-100, 0))),
    "crescent": ("crescents", _without(_disc(0, 0, 1050), _disc(520, -150, 780))),
    "cross": ("crosses", _union(_box(-1000, -360, 1000, 360), _box(-360, -1000, 360, 1000))),
    "diamond": ("diamonds", _polygon((0, -1100), (780, 0), (0, 1100), (-780, 0))),
    "disc": ("discs", _disc(0, 0, 930)),
    "drop": ("drops", _union(_disc(0, 330, 720), _polygon((0, -1150), (653, 28), (-653, 28)))),
    "fish": ("fish", _union(_FISH_BODY, _polygon((300, 0), (1100, -650), (1100, 650)))),
    "flower": ("flowers", _union(_disc(0, 0, 420), *_PETALS)),
    "heart": ("hearts", _union(_disc(-470, -370, 540), _disc(470, -370, 540), _HEART_TIP)),
    "hexagon": ("hexagons", _polygon((-1000, 0), (-500, -866), (500, -866), (1000, 0), (500, 866), (-500, 866))),
    "hourglass": ("hourglasses", _polygon(*_BULBS)),
    "house": ("houses", _without(_polygon(*_WALLS_AND_ROOF), _box(-180, 350, 240, 900))),
    "key": ("keys", _union(_without(_disc(0, -520, 640), _disc(0, -520, 230)), _KEY_BIT)),
    "ring": ("rings", _without(_disc(0, 0, 1020), _disc(0, 0, 470))),
    "square": ("squares", _box(-830, -830, 830, 830)),
    "star": ("stars", _polygon(*_STAR_RIGHT, (0, 500), *_STAR_LEFT)),
    "triangle": ("triangles", _polygon((0, -1050), (1040, 800), (-1040, 800))),
}


def _dots(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    p, q = (p & 255) - 128, (q & 255) - 128
    return (p * p + q * q < 84 * 84) * np.int32(256)


# surface: how much of the second colour (0 to 256) a point of the object has; p and q are the object's own coordinates,
# turned and scaled so that a pattern repeats every 256
SURFACES: dict[str, Field] = {
    "checked": lambda p, q: ((p ^ q) & 128) * 2,
    "dotted": _dots,
    "plain": lambda p, q: np.zeros_like(p),
    "shaded": lambda p, q: np.clip(p * 2 // 5 + 128, 0, 256),
    "striped": lambda p, q: (p & 128) * 2,
}


def _words(stream: np.random.RandomState, *shape: int) -> np.ndarray:
    """Raw 32-bit words of the generator as int64: nothing between them and us that a numpy version could change."""
    return stream.randint(0, 2**32, size=shape, dtype=np.uint32).astype(np.int64)


def _integers(stream: np.random.RandomState, low: int, high: int, *shape: int) -> np.ndarray:
    """Uniform integers low ≤ x < high, int32 of `shape`."""
    return (low + (_words(stream, *shape) * (high - low) >> 32)).astype(np.int32)


def _order(stream: np.random.RandomState, *shape: int) -> np.ndarray:
    """Random permutations along the last axis."""
    return np.argsort(_words(stream, *shape), axis=-1, kind="stable")


def _turned(
    stream: np.random.RandomState, x: np.ndarray, y: np.ndarray, steepest: int, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turn (x, y) by 2 arctan(t), |t| ≤ steepest / 256 drawn per image, and multiply by scale / 256.

    Cosine and sine of such an angle are the rational numbers (1 - t²) / (1 + t²) and 2t / (1 + t²).
    """
    t = _integers(stream, -steepest, steepest + 1, len(x), 1, 1).astype(np.int64)
    cosine = ((65536 - t * t) * scale // (65536 + t * t)).astype(np.int32)
    sine = (512 * t * scale // (65536 + t * t)).astype(np.int32)
    return (cosine * x - sine * y) >> 8, (sine * x + cosine * y) >> 8


def _pixels(samples: np.ndarray) -> np.ndarray:
    """Sum the samples of each pixel: [n, GRID, GRID] to [n, SIDE, SIDE]."""
    n = len(samples)
    rows = samples.reshape(n, SIDE, SUPERSAMPLING, GRID).sum(axis=2, dtype=np.int32)
    return rows.reshape(n, SIDE, SIDE, SUPERSAMPLING).sum(axis=3, dtype=np.int32)


def _object(stream: np.random.RandomState, shape: str, surface: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of each pixel is the object, and the object's second colour: int32 [n, 32, 32], 0 to 256 * samples."""
    position = 2 * np.arange(GRID, dtype=np.int32) + 1 - GRID  # in half samples from the middle
    pixel = 2 * SUPERSAMPLING
    x = position[None, None, :] - _integers(stream, -26, 27, n, 1, 1)  # up to 4 pixels off the middle
    y = position[None, :, None] - _integers(stream, -26, 27, n, 1, 1)
    x, y = np.broadcast_arrays(x, y)
    radius = _integers(stream, 8 * pixel, 13 * pixel, n, 1, 1).astype(np.int64)
    u, v = _turned(stream, x, y, 70, 256 * UNIT // radius)  # by up to 31 degrees: an arrow still points up
    u = u * _integers(stream, 210, 310, n, 1, 1) >> 8  # slimmer or wider by up to a fifth
    u = u * (1 - 2 * _integers(stream, 0, 2, n, 1, 1))  # mirrored or not
    period = _integers(stream, 560, 800, n, 1, 1).astype(np.int64)
    p, q = _turned(stream, u, v, 256, 256 * 256 // period)  # by up to 90 degrees: stripes run anywhere
    inside = SHAPES[shape][1](u, v)
    second = SURFACES[surface](p + _integers(stream, -128, 128, n, 1, 1), q + _integers(stream, -128, 128, n, 1, 1))
    return _pixels(inside) * 256, _pixels(second * inside)


def _colours(stream: np.random.RandomState, luma: np.ndarray) -> np.ndarray:
    """Colours of random hue and strength whose luma (77 R + 150 G + 29 B) / 256 is as given: int32 [*luma.shape, 3]."""
    hue = _integers(stream, 0, 1536, *luma.shape, 1)
    red, green, blue = abs(hue - 768) - 256, 512 - abs(hue - 512), 512 - abs(hue - 1024)
    pure = np.clip(np.concatenate([red, green, blue], axis=-1), 0, 255)
    chroma = pure - (pure @ np.array([77, 150, 29], dtype=np.int32) >> 8)[..., None]
    luma = luma[..., None]
    strongest = np.minimum(
        (255 - luma) * 256 // chroma.max(axis=-1, keepdims=True), luma * 256 // -chroma.min(axis=-1, keepdims=True)
    )
    strength = np.minimum(_integers(stream, 40, 257, *luma.shape), strongest)
    return luma + (chroma * strength >> 8)


def _smooth_noise(stream: np.random.RandomState, n: int, knots: int) -> np.ndarray:
    """Random knots, linearly interpolated: int32 [n, 32, 32, 1], 0 to 255."""
    place = np.arange(SIDE, dtype=np.int32) * (knots - 1) * 256 // SIDE
    weights = np.clip(256 - abs(place[:, None] - 256 * np.arange(knots, dtype=np.int32)), 0, 256)
    values = _integers(stream, 0, 256, n, knots, knots)
    return (weights @ values @ weights.T >> 16)[..., None]


def _images(stream: np.random.RandomState, shape: str, surface: str, n: int) -> np.ndarray:
    """Images of one class, uint8 [n, 32, 32, 3]."""
    # One dark, one middle and one light colour, so that object, pattern and background always stand apart.
    bands = np.array([30, 108, 190], dtype=np.int32)[_order(stream, n, 3)] + _integers(stream, 0, 45, n, 3)
    first, second, ground = (_colours(stream, bands[:, k, None, None]) for k in range(3))
    other_ground = _colours(stream, bands[:, 2, None, None])

    mix = _smooth_noise(stream, n, 5)
    background = ground + ((other_ground - ground) * mix >> 8) + (_smooth_noise(stream, n, 12) - 128) // 6
    whole = 256 * SUPERSAMPLING * SUPERSAMPLING
    cover, share = (part[..., None] for part in _object(stream, shape, surface, n))
    shadow = np.roll(cover, (2, 2), axis=(1, 2))
    shadow[:, :2] = 0
    shadow[:, :, :2] = 0
    background -= background * shadow // (3 * whole)
    image = (background * (whole - cover) + first * (cover - share) + second * share) // whole

    light = _smooth_noise(stream, n, 2) - 128
    image += image * light // 512
    words = _words(stream, *image.shape)
    bell = (words & 255) + (words >> 8 & 255) + (words >> 16 & 255) + (words >> 24) - 510  # nearly normal, sd 148
    return np.clip(image + bell // 25, 0, 255).astype(np.uint8)


def render(manifest: Manifest) -> Source:
    """Render the dataset of `manifest`: every surface of every shape is a class, classes in alphabetical order.

    Takes a few seconds on one core for 100 classes of 40 images. Raises StudyError if the result is not the one that
    the manifest promises.
    """
    rendering = manifest.rendering
    looks = {f"{surface}_{shape}": (shape, surface) for shape in rendering.shapes for surface in rendering.surfaces}
    names = sorted(looks)
    per_class = manifest.train_per_class + manifest.test_per_class
    images = [_images(np.random.RandomState(SEED + label), *looks[name], per_class) for label, name in enumerate(names)]
    plurals = [SHAPES[looks[name][0]][0] for name in names]
    coarse_names = sorted(set(plurals)) if manifest.superclasses else []
    coarse_of = np.array([coarse_names.index(plural) for plural in plurals], np.uint8) if coarse_names else None
    stream = np.random.RandomState(SEED + len(names))
    train = _part([own[: manifest.train_per_class] for own in images], coarse_of, stream)
    test = _part([own[manifest.train_per_class :] for own in images], coarse_of, stream)
    source = Source(train, test, names, coarse_names)
    if (found := digest(source)) != rendering.sha256:
        raise StudyError(
            f"The images of {manifest.name} were rendered with SHA-256 {found}, not with that of the manifest "
            f"({rendering.sha256}); if the renderer was changed on purpose, correct rendering: sha256 there."
        )
    return source


def digest(source: Source) -> str:
    """Return the SHA-256 over the names and arrays of `source`."""
    found = hashlib.sha256("\n".join([*source.fine_names, "", *source.coarse_names]).encode())
    for part in (source.train, source.test):
        for array in (part.images, part.fine, part.coarse):
            found.update(b"" if array is None else array.tobytes())
    return found.hexdigest()


def _part(images: list[np.ndarray], coarse_of: np.ndarray | None, stream: np.random.RandomState) -> Part:
    """Shuffle the images of each class, uint8 [n, 32, 32, 3] in label order, into one part."""
    per_class = len(images[0])
    order = _order(stream, per_class * len(images))
    fine = (order // per_class).astype(np.uint8)
    return Part(np.concatenate(images)[order], fine, None if coarse_of is None else coarse_of[fine])

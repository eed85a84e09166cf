"""The example that trains on reviews: it reads sentences that it has never seen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ts_sdk

RUN = Path(__file__).parents[1] / "docs/examples/reviews/run.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for what the example packs."""
    return tmp_path_factory.mktemp("reviews")


@pytest.fixture(scope="module")
def printed(folder):
    """What the example prints."""
    ran = subprocess.run(
        [sys.executable, str(RUN), str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def model(printed, folder):
    """The archive that it left, loaded."""
    with ts_sdk.load(folder / "reviews.mar", device="cpu") as model:
        yield model


def test_it_is_right_about_films_that_it_has_not_seen(printed):
    right, guessing = map(int, re.findall(r"(\d+)%", printed))
    assert right > 72
    assert right > guessing + 15


def test_it_tells_praise_from_blame(printed):
    assert re.findall(r"^(fresh|rotten)", printed, re.MULTILINE) == [
        "fresh",
        "rotten",
        "rotten",
        "fresh",
    ]


@pytest.mark.parametrize(
    ("review", "label"),
    [
        ("A moving portrait, and a triumph.", "fresh"),
        (b"The best film of the year", "fresh"),
        ("Hilarious, touching and smart!", "fresh"),
        ("A boring, clumsy waste of time.", "rotten"),
        (b"An unfunny disaster", "rotten"),
        ("The plot is stupid &amp; the acting is terrible.", "rotten"),
    ],
)
def test_the_archive_answers_new_sentences_right(model, review, label):
    answer = model.predict(review)
    assert sorted(answer) == ["fresh", "rotten"]
    assert max(answer, key=answer.get) == label
    assert sum(answer.values()) == pytest.approx(1)


def test_a_list_of_reviews_is_answered_by_a_list(model):
    reviews = ["A moving portrait.", "A boring mess."]
    together, alone, bad = model.predict_batch([reviews, reviews[1], b"\xff\xfe"])
    assert [max(answer, key=answer.get) for answer in together] == ["fresh", "rotten"]
    assert together[1] == pytest.approx(alone, abs=1e-6)
    assert bad.status == 400

"""The examples, run for real: trained networks see a cat in a photograph and read a digit."""

import json
import re
import subprocess
import sys
from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES

EXAMPLES = Path(__file__).parents[1] / "docs/examples"
CATS = {"Egyptian cat", "tabby", "tiger cat"}


def test_the_cats_are_on_top(demo):
    answers = re.findall(r"^ +(\d+\.\d)%  (.+?) *#*$", demo.output, re.MULTILINE)
    assert len(answers) == 5
    assert {name for _, name in answers[:3]} == CATS
    assert sum(float(percent) for percent, _ in answers[:3]) > 75


def test_each_phase_is_shown_with_its_time(demo):
    phases = re.findall(r"^ +\d+\.\d ms  (.+)$", demo.output, re.MULTILINE)
    assert phases[0] == "pack it"
    assert phases[-1] == "name the most probable classes"
    assert len(phases) == 9


def test_the_archive_and_what_it_was_made_of_are_left(demo):
    left = {path.name for path in demo.folder.iterdir()}
    assert left == {"cat.mar", "chelsea.png", "index_to_name.json", "model.py", "weights.pth"}


def test_the_labels_are_those_of_the_training():
    labels = json.loads((EXAMPLES / "efficientnet_lite0/index_to_name.json").read_text())
    assert labels == {str(number): name for number, name in enumerate(_IMAGENET_CATEGORIES)}
    assert len(set(labels.values())) == 1000


def test_the_digit_reader_reads_a_seven():
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / "digits/run.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"\{'digit': 7, 'probability': (1\.0|0\.9\d+)\}\n", ran.stdout)

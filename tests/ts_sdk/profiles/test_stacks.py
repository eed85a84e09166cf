"""Stacks: from the handler on, grown together, and as a flame graph."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ts_sdk.profiles.flame import boxes_of, flame_page
from ts_sdk.profiles.speedscope import speedscope_text
from ts_sdk.profiles.stacks import (
    OUTSIDE,
    Frame,
    Naming,
    Origin,
    Stacks,
    below_plumbing,
    hottest,
)


def own(function):
    return Frame(function, "handler.py", 3, Origin.ARCHIVE)


RUNNER = Frame("_call", "ts_sdk/runtime/in_process.py", 160, Origin.SDK)
PHASES = Frame("predict", "ts_sdk/phases.py", 58, Origin.SDK)
TENSORS = Frame("run_model", "ts_sdk/tensors/running.py", 38, Origin.SDK)
TORCH = Frame("Linear.forward", "torch/nn/modules/linear.py", 130, Origin.TORCH)
UUID = Frame("uuid4", "uuid.py", 720, Origin.LIBRARY)
MAIN = Frame("<module>", "program.py", 1, Origin.LIBRARY)


@pytest.fixture
def stacks():
    found = Stacks()
    found.add([MAIN, RUNNER, PHASES, own("decode")], 1.0)
    found.add([MAIN, RUNNER, PHASES, TENSORS, TORCH], 2.0)
    found.add([MAIN, RUNNER, PHASES, TENSORS, TORCH], 1.0)
    found.add([MAIN, RUNNER, PHASES], 0.5)
    found.add([MAIN, RUNNER, UUID], 0.5)
    return found


@pytest.mark.parametrize(
    ("stack", "kept"),
    [
        ([MAIN, RUNNER, PHASES, TENSORS, TORCH], (PHASES, TENSORS, TORCH)),
        ([MAIN, RUNNER, own("handle"), UUID], (own("handle"), UUID)),
        ([MAIN, RUNNER, UUID], (OUTSIDE,)),
        ([UUID, TORCH], (UUID, TORCH)),
        ([own("main"), RUNNER, PHASES, own("decode")], (PHASES, own("decode"))),
        ([own("main"), RUNNER, UUID], (OUTSIDE,)),
    ],
)
def test_what_leads_to_the_handler_is_left_out(stack, kept):
    assert below_plumbing(stack) == kept


def test_stacks_grow_together_to_a_tree_whose_parts_add_up(stacks):
    root = stacks.tree("all")
    assert root.seconds == stacks.total_s == 5.0
    assert stacks.samples == 5
    phases, outside = root.ordered()
    assert (phases.frame, phases.seconds, phases.self_s) == (PHASES, 4.5, 0.5)
    assert (outside.frame, outside.seconds) == (OUTSIDE, 0.5)
    assert [(each.frame.function, each.seconds) for each in phases.ordered()] == [
        ("run_model", 3.0),
        ("decode", 1.0),
    ]
    assert sum(node.self_s for node in root.walk()) == pytest.approx(5.0)


def test_the_hottest_functions_are_those_with_most_time_in_themselves(stacks):
    assert hottest(stacks, 2) == [(TORCH, 3.0), (own("decode"), 1.0)]


def test_a_box_is_as_wide_as_its_share_and_lies_under_its_caller(stacks):
    boxes = {box.frame: box for box in boxes_of(stacks.tree("all"))}
    placed = {
        frame.function: (box.start, box.width, box.depth)
        for frame, box in boxes.items()
        if frame.function != "all"
    }
    assert placed == {
        "predict": pytest.approx((0.0, 0.9, 1)),
        "run_model": pytest.approx((0.0, 0.6, 2)),
        "Linear.forward": pytest.approx((0.0, 0.6, 3)),
        "decode": pytest.approx((0.6, 0.2, 2)),
        "outside of the handler": pytest.approx((0.9, 0.1, 1)),
    }


def test_what_is_too_thin_to_be_seen_is_left_out(stacks):
    stacks.add([RUNNER, own("rare")], 1e-4)
    assert all(box.frame != own("rare") for box in boxes_of(stacks.tree("all")))


def test_the_page_is_whole_in_itself_and_says_each_function(stacks):
    stacks.add([RUNNER, own('<lambda> & "more"')], 1.0)
    page = flame_page(stacks, "Flame graph of <cat>")
    assert page.startswith("<!DOCTYPE html>")
    assert "Flame graph of &lt;cat&gt;" in page
    beyond = [each for each in re.findall(r"https?://[^\"' ]+", page) if "www.w3.org" not in each]
    assert beyond == []
    assert "src=" not in page
    picture = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])  # noqa: S314 - just written
    space = "{http://www.w3.org/2000/svg}"
    titles = [each.text for each in picture.iter(f"{space}title")]
    assert "Linear.forward (torch/nn/modules/linear.py:130): 3000.0 ms, 50.0%" in titles
    assert '<lambda> & "more" (handler.py:3): 1000.0 ms, 16.7%' in titles
    texts = [each.text for each in picture.iter(f"{space}text")]
    assert "predict (ts_sdk/phases.py:58)" in texts
    rects = [each.attrib for each in picture.iter(f"{space}rect")]
    assert all(float(each["x"]) + float(each["width"]) <= 1200.01 for each in rects)


def test_nothing_seen_makes_an_empty_page():
    assert "0.00 s in 0 looks" in flame_page(Stacks(), "cat")


def test_speedscope_has_each_frame_once_and_the_seconds_of_each_stack(stacks):
    document = json.loads(speedscope_text(stacks, "cat"))
    frames = document["shared"]["frames"]
    names = [frame["name"] for frame in frames]
    assert len(set(names)) == len(names) == 5
    (profile,) = document["profiles"]
    assert sum(profile["weights"]) == profile["endValue"] == 5.0
    told = {
        tuple(names[index] for index in sample): weight
        for sample, weight in zip(profile["samples"], profile["weights"], strict=True)
    }
    assert told["predict", "run_model", "Linear.forward"] == 3.0
    assert told["outside of the handler",] == 0.5


def test_a_frame_is_named_by_where_its_file_belongs(tmp_path):
    def code_in(path):
        return compile("def work():\n    pass", str(path), "exec").co_consts[0]

    naming = Naming(tmp_path)
    mine = naming.frame_of(code_in(tmp_path / "parts" / "model.py"))
    assert (mine.file, mine.origin, mine.name) == (
        "parts/model.py",
        Origin.ARCHIVE,
        "work (parts/model.py:1)",
    )
    assert naming.frame_of(json.loads.__code__).origin is Origin.LIBRARY
    assert naming.frame_of(json.loads.__code__).file == "json/__init__.py"
    assert naming.frame_of(below_plumbing.__code__).file == "ts_sdk/profiles/stacks.py"
    from torch import nn

    linear = naming.frame_of(nn.Linear.forward.__code__)
    assert (linear.function, linear.origin) == ("Linear.forward", Origin.TORCH)
    assert linear.file == "torch/nn/modules/linear.py"
    assert naming.frame_of(code_in(Path("<string>"))).file == "<string>"

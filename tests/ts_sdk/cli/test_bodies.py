import argparse

import pytest

from ts_sdk.cli.bodies import parse_body, with_bodies_named


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--json"], ["--json"]),
        (["--json", "cat.jpg"], ["--json", "cat.jpg"]),
        (["--json", '{"x": 1}'], ['--body={"x": 1}']),
        (["--json", "[1, 2]"], ["--body=[1, 2]"]),
        (["--json", '"text"'], ['--body="text"']),
        (["--json=1"], ["--body=1"]),
        (["--json", "{}", "{}"], ["--body={}", "{}"]),
        (["--json", "--json", "{}"], ["--json", "--body={}"]),
        (["--json", "{}", "--json"], ["--body={}", "--json"]),
        (["--json", "--", "{}.jpg"], ["--json", "--", "{}.jpg"]),
        (["--", "--json", "{}"], ["--", "--json", "{}"]),
        ([], []),
    ],
)
def test_what_follows_json_tells_a_body_from_the_switch(given, named):
    assert with_bodies_named(given) == named


@pytest.mark.parametrize("text", ["", "{", "{'x': 1}", "[" * 100_000])
def test_a_body_that_is_no_json_is_a_wrong_argument(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no JSON"):
        parse_body(text)

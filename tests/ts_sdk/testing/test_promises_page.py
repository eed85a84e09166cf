"""The page of the promises says what the code says."""

import re
from pathlib import Path

import pytest

from ts_sdk.testing import CHECKS

PAGE = (Path(__file__).parents[3] / "docs/reference/promises.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([a-z_]+)\n\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def needs_of(check):
    """What stands below the name of a promise that needs something."""
    needs = ["deep"] * check.deep
    needs += ["needs requests"] * check.needs_requests
    needs += ["compares answers"] * check.compares
    return f"*{', '.join(needs)}*" if needs else None


def test_the_page_has_every_promise_in_the_order_in_which_they_are_judged():
    assert list(SECTIONS) == [check.name for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_promise_is_told_as_in_its_message_with_what_it_needs(check):
    paragraphs = [" ".join(each.split()) for each in SECTIONS[check.name].split("\n\n")]
    told = [each.replace("`", "") for each in paragraphs]
    plain = [each.replace("`", "") for each in (f"**{check.promise}**", check.repair)]
    assert told[:2] == plain
    assert needs_of(check) in {*paragraphs, None}
    stated = {each for each in paragraphs if re.fullmatch(r"\*[a-z ,]+\*", each)}
    assert stated == {needs_of(check)} - {None}

"""The documentation holds together, and the harness that runs its blocks notices what is wrong."""

import re
from pathlib import Path

import documents
import pytest
import yaml
from sybil import Sybil
from sybil.example import SybilFailure

PAGES = documents.documentation()
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```(.*)$", re.MULTILINE)


def page_id(page):
    return str(page.relative_to(documents.REPOSITORY))


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_to_files_and_headings_that_exist(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{link}: there is no {target}"
        assert not heading or heading in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_is_of_a_kind_that_the_tests_run(page):
    opening = FENCE.findall(page.read_text())[::2]
    assert set(opening) <= documents.LANGUAGES | {""}


def test_every_page_is_reached_from_the_index():
    index = documents.REPOSITORY / "docs/index.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in LINK.findall(index.read_text())
    }
    assert {page for page in PAGES if page.name != "README.md"} - {index} <= linked


def run_page(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run *text* as a page, as pytest would, in *tmp_path*."""
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.chdir(tmp_path)
    whole = documents.sybil()
    for example in Sybil(parsers=whole.parsers).parse(page).examples():
        example.evaluate()


RIGHT = {
    "output that matches": "```python\nprint('a cat')\n```\n\n```text\na cat\n```\n",
    "output left out": "```python\nprint('a', 0.317)\n```\n\n```text\na 0.3...\n```\n",
    "a command and its output": "```console\n$ echo a cat\na cat\n```\n",
    "a command that fails as shown": "```console\n$ false\n$ echo $?\n1\n```\n",
    "a command on two lines": "```console\n$ echo a \\\n> cat\na cat\n```\n",
    "a file that is used later": (
        "```python\n# cat.py\nname = 'Tom'\n```\n\n```console\n$ cat cat.py\nname = 'Tom'\n```\n"
    ),
    "a drawing": "```\n+---+\n```\n",
    "configuration": "```yaml\nhandler:\n  topk: 3\n```\n\n```json\n{}\n```\n",
}

WRONG = {
    "other output": "```python\nprint('a dog')\n```\n\n```text\na cat\n```\n",
    "output of nothing": "```text\na cat\n```\n",
    "an exception": "```python\nraise RuntimeError\n```\n",
    "other output of a command": "```console\n$ echo a dog\na cat\n```\n",
    "a command that fails": "```console\n$ false\n```\n",
    "a command that fails before another": "```console\n$ false\n$ true\n```\n",
    "another exit code": "```console\n$ false\n$ echo $?\n2\n```\n",
    "a console block without a command": "```console\na cat\n```\n",
    "broken yaml": "```yaml\na: [\n```\n",
    "broken json": "```json\n{\n```\n",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_a_right_page_passes(text, tmp_path, monkeypatch):
    run_page(text, tmp_path, monkeypatch)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_page_fails(text, tmp_path, monkeypatch):
    with pytest.raises((SybilFailure, RuntimeError, ValueError, yaml.YAMLError)):
        run_page(text, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["model.py", "handler.py"])
def test_the_tutorial_writes_the_files_that_the_example_holds(name):
    tutorial = (documents.REPOSITORY / "docs/tutorial.md").read_text()
    example = documents.REPOSITORY / "docs/examples/digits" / name
    assert f"```python\n# {name}\n{example.read_text()}```" in tutorial

"""The command `mar doctor`."""

import json

import pytest
from archives import MANIFEST, make_mar, manifest_of

from ts_sdk.cli import main

GOOD = b"def handle(data, context):\n    return data\n"
NEEDY = b"import lightgbm\n" + GOOD
LOST = b"import torchtext\n" + GOOD


@pytest.fixture
def packed(tmp_path):
    """Pack a handler into a file of this name, in a folder that becomes a store."""
    (tmp_path / "store").mkdir()

    def pack(name, source, **model):
        files = {"handler.py": source, MANIFEST: manifest_of(**model)}
        return make_mar(tmp_path / "store" / name, files)

    return pack


@pytest.fixture
def store(packed, tmp_path):
    packed("a.mar", GOOD)
    packed("b.mar", NEEDY)
    packed("c.mar", NEEDY)
    packed("d.mar", LOST)
    return tmp_path / "store"


def test_an_archive_that_runs_is_one_line_and_exit_code_0(packed, capsys):
    path = packed("a.mar", GOOD)

    assert main(["doctor", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: runs as it is\n"


def test_findings_are_told_with_place_and_remedy_under_their_headings(packed, capsys):
    path = packed("b.mar", b"import torchtext\nimport torch\ntorch.set_num_threads(1)\n" + NEEDY)

    assert main(["doctor", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: cannot run here"
    assert [line for line in lines if not line.startswith(" ")][1:] == [
        "in the way:",
        "to change:",
        "good to know:",
    ]
    place = lines.index("  handler.py:4: lightgbm is imported and is not installed")
    assert lines[place + 1] == "    -> pip install 'lightgbm'"


def test_a_store_is_a_table_what_several_need_and_a_summary(store, capsys):
    assert main(["doctor", str(store)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["archive", "verdict", "why", "->", "what", "to", "do"]
    assert lines[1].split() == ["a.mar", "runs", "as", "it", "is"]
    assert lines[2].endswith(
        "needs a change   handler.py:1: lightgbm is imported and is not installed "
        "-> pip install 'lightgbm'"
    )
    assert lines[4].startswith("d.mar    cannot run here  handler.py:1: torchtext")
    assert (
        "  2 archives: lightgbm is imported and is not installed -> pip install 'lightgbm'" in lines
    )
    assert lines[-1] == "4 archives: 1 runs as it is, 2 need a change, 1 cannot run here"


def test_what_several_archives_need_for_other_reasons_is_told_by_the_check(packed, capsys):
    path = packed("a.mar", b"import torch\ndef handle(data, context): return open('x.txt')\n")
    for name, wanted in (("a.mar", "int32"), ("b.mar", "many")):
        files = {"handler.py": GOOD, "c.yaml": f"batchSize: {wanted}\n".encode()}
        make_mar(path.parent / name, {**files, MANIFEST: manifest_of(configFile="c.yaml")})
    main(["doctor", str(path.parent)])

    assert "  2 archives: config -> correct it and pack again" in capsys.readouterr().out


def test_a_cell_of_a_store_says_what_is_wrong_and_is_short(packed, tmp_path, capsys):
    named = ", ".join(f"several_words_{number}" for number in range(30))
    packed("a.mar", f"from ts.context import nothing, {named}\n".encode() + GOOD)
    packed("b.mar", b"def handle(data, context):\n    return open('model-names.txt')\n")
    packed("c.mar", f"import {named}\n".encode() + GOOD)
    files = {"handler.py": b"print 1\n", MANIFEST: manifest_of()}
    make_mar(tmp_path / "store" / "d.mar", files)
    main(["doctor", str(tmp_path / "store")])

    lines = capsys.readouterr().out.splitlines()[1:5]
    cells = [line[line.index("handler.py:") :] for line in (lines[0], *lines[2:])]
    assert all(len(cell) <= 160 for cell in cells)
    assert "'nothing'" in cells[0]
    assert "several_words_0 is imported" in cells[1]
    assert cells[1].endswith("(and 29 more)")
    assert "this does not parse" in cells[2]
    assert " -> correct it" in cells[2]


def test_verbose_tells_all_of_each_archive_of_a_store(store, capsys):
    assert main(["doctor", str(store), "--verbose"]) == 1

    out = capsys.readouterr().out
    assert f"{store / 'c.mar'}: needs a change\nto change:\n  handler.py:1: lightgbm" in out
    assert "several" not in out


def test_json_is_one_line_an_archive(store, capsys):
    assert main(["doctor", "--json", str(store)]) == 1

    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["verdict"] for report in reports] == [
        "runs",
        "needs change",
        "needs change",
        "cannot",
    ]
    assert reports[1]["archive"] == str(store / "b.mar")
    assert reports[1]["findings"][0]["check"] == "missing-import"


def test_archives_and_stores_may_be_given_together(store, packed, tmp_path, capsys):
    other = make_mar(tmp_path / "e.mar", {"handler.py": GOOD, MANIFEST: manifest_of()})

    assert main(["doctor", str(other), str(store), "--json"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_an_archive_that_cannot_be_opened_never_stops_the_rest(store, capsys):
    (store / "b.mar").write_bytes(b"no archive")

    assert main(["doctor", str(store)]) == 1
    assert "b.mar    cannot run here  it looks like text" in capsys.readouterr().out


def test_when_no_archive_could_be_opened_the_exit_code_is_3(tmp_path, capsys):
    path = tmp_path / "a.mar"
    path.write_bytes(b"no archive")

    assert main(["doctor", str(path)]) == 3
    assert "cannot run here" in capsys.readouterr().out


def test_what_does_not_exist_is_a_wrong_command_line(store, capsys):
    assert main(["doctor", str(store), "nowhere.mar"]) == 2
    assert "nowhere.mar does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["doctor"])


def test_the_limits_are_those_of_the_command_line(packed, capsys):
    path = packed("a.mar", GOOD)

    assert main(["doctor", str(path), "--max-members", "1"]) == 3
    assert "max-members" in capsys.readouterr().out


def test_the_help_says_what_the_exit_codes_mean(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])

    assert "runs as it is" in capsys.readouterr().out

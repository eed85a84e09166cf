"""What two archives hold: members, manifests, documents and texts, whatever the archives are."""

import json
import subprocess
import sys

import pytest
import torch
from archives import MANIFEST, make_folder, make_mar, record_of

from archiver import CorruptArchiveError, InvalidArchiveError
from ts_sdk.comparison import compare

NET = b"from torch import nn\n"


def changes(found):
    return {(each.kind, each.old, each.new) for each in found.members}


@pytest.mark.parametrize("old_form", ["mar", "tgz", "folder"])
@pytest.mark.parametrize("new_form", ["mar", "tgz", "folder"])
def test_the_same_files_are_the_same_in_archives_of_any_kind(archive, old_form, new_form):
    files = {"net.py": NET, "words.txt": "cat\n"}
    old = archive("old", files, form=old_form, recorded=False)
    new = archive("new", files, form=new_form)
    found = compare(old, new)
    assert found.same
    assert (found.members, found.unchanged_members) == ((), 3)
    assert (found.old.form, found.new.form) == (old_form, new_form)


def test_when_an_archive_was_packed_is_told_and_makes_no_difference(archive):
    found = compare(archive("old"), archive("new", packed="today"))
    assert [(each.place, each.old, each.new) for each in found.manifest] == [
        ("createdOn", "yesterday", "today")
    ]
    assert found.same


def test_every_changed_value_of_the_manifest_is_told_by_its_place(archive):
    old = archive("old", modelVersion="1.0", extensions={"a": [1, 2]})
    new = archive("new", modelVersion="2.0", extensions={"a": [1, 3]}, envelope="json")
    found = compare(old, new)
    assert sorted((each.to_dict() for each in found.manifest), key=lambda each: each["place"]) == [
        {"place": "model.envelope", "new": "json"},
        {"place": "model.extensions.a[1]", "old": 2, "new": 3},
        {"place": "model.modelVersion", "old": "1.0", "new": "2.0"},
    ]
    assert not found.same


@pytest.mark.parametrize("recorded", [True, False])
def test_members_are_added_removed_changed_and_renamed(archive, recorded):
    files = {"a.txt": "a", "b.txt": "b", "c.txt": "cc"}
    new_files = {"a.txt": "A", "d.txt": "d", "e.txt": "cc"}
    old = archive("old", files, recorded=recorded)
    found = compare(old, archive("new", new_files, recorded=recorded))
    assert changes(found) == {
        ("changed", "a.txt", "a.txt"),
        ("removed", "b.txt", None),
        ("added", None, "d.txt"),
        ("renamed", "c.txt", "e.txt"),
    }
    assert found.unchanged_members == 1


def test_files_that_the_manifests_give_the_same_part_belong_together(archive):
    old = archive("old", {"first.py": "x = 1\n"}, modelFile="first.py")
    new = archive("new", {"second.py": "x = 2\n"}, modelFile="second.py")
    found = compare(old, new)
    assert changes(found) == {("changed", "first.py", "second.py")}
    (text,) = found.texts
    assert (text.old, text.new) == ("first.py", "second.py")
    assert text.lines == ("@@ -1 +1 @@", "-x = 1", "+x = 2")


def test_what_record_says_is_the_same_is_not_read(tmp_path):
    files = {"handler.py": b"x = 1\n", "w.bin": b"weights"}
    lying = {**files, "MAR-INF/RECORD": record_of(files)}
    broken = {**lying, "w.bin": b"WEIGHTS"}
    old, new = make_mar(tmp_path / "old.mar", lying), make_mar(tmp_path / "new.mar", broken)
    assert compare(old, new).members == ()


def test_torch_is_not_imported_unless_weights_differ(archive):
    weights = {"w.pt": b"\x80\x02no weights"}
    old = archive("old", {**weights, "a.txt": "a"})
    new = archive("new", {**weights, "a.txt": "b"})
    program = (
        "import sys; from ts_sdk import compare; "
        f"print(compare({str(old)!r}, {str(new)!r}).same, 'torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False False\n"


def test_code_is_shown_with_the_asked_lines_around_each_change(compared):
    code = "".join(f"line{number} = 0\n" for number in range(9))
    found = compared({"x.py": code}, {"x.py": code.replace("line4 = 0", "line4 = 1")}, context=1)
    (text,) = found.texts
    assert text.lines == (
        "@@ -4,3 +4,3 @@",
        " line3 = 0",
        "-line4 = 0",
        "+line4 = 1",
        " line5 = 0",
    )


def test_a_long_diff_is_cut_and_says_what_is_left_out(compared):
    old = "".join(f"{number}\n" for number in range(100))
    found = compared({"x.txt": old}, {"x.txt": ""}, most_lines=10)
    (text,) = found.texts
    assert (len(text.lines), text.left_out) == (10, 91)


def test_texts_of_too_many_lines_are_not_compared_line_by_line(compared):
    old = "".join(f"{number}\n" for number in range(15_000))
    (text,) = compared({"x.txt": old}, {"x.txt": old[:-1] + "0\n"}).texts
    assert text.lines == ()
    assert "too many" in text.note


def test_a_line_without_end_is_cut(compared):
    (text,) = compared({"x.txt": "a" * 5000}, {"x.txt": "b" * 5000}).texts
    assert max(map(len, text.lines)) < 500


def test_line_ends_alone_are_told(compared):
    (text,) = compared({"x.txt": "a\nb\n"}, {"x.txt": "a\r\nb\r\n"}).texts
    assert "line ends" in text.note


def test_binary_files_have_no_diff(compared):
    found = compared({"x.bin": b"\0\1\2"}, {"x.bin": b"\0\1\3"})
    assert found.texts == ()
    assert changes(found) == {("changed", "x.bin", "x.bin")}


def test_an_archive_that_is_none_is_refused(archive, tmp_path):
    with pytest.raises(InvalidArchiveError):
        compare(archive("old"), tmp_path / "nowhere.mar")


def test_a_damaged_file_of_weights_is_refused(archive, saved, tmp_path):
    entry = {"modelName": "cat", "serializedFile": "w.pt"}
    weights = saved({"a": torch.ones(3)})
    held = {"w.pt": weights, MANIFEST: json.dumps({"model": entry}).encode()}
    damaged = {**held, "w.pt": weights[:-40] + bytes(40), "MAR-INF/RECORD": record_of(held)}
    old = archive("old", {"w.pt": saved({"a": torch.zeros(3)})})
    with pytest.raises(CorruptArchiveError):
        compare(old, make_mar(tmp_path / "new.mar", damaged))


def test_a_folder_without_a_manifest_says_so(archive, tmp_path):
    folder = make_folder(tmp_path / "sources", {"handler.py": b"x = 1\n"})
    found = compare(folder, archive("new"))
    assert (found.old.has_manifest, found.new.has_manifest) == (False, True)


def test_everything_is_json(compared):
    old = {"index_to_name.json": '{"0": "a"}', "model-config.yaml": "since: 2024-01-01\n"}
    new = {"index_to_name.json": '{"0": "b"}', "model-config.yaml": "since: 2025-01-01\n"}
    said = json.loads(json.dumps(compared(old, new).to_dict()))
    assert said["same"] is False
    assert said["labels"] == [{"place": "0", "old": "a", "new": "b"}]
    assert said["run"] is None

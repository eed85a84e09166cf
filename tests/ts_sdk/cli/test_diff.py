"""``mar diff``: what differs between two archives, in short, and what a script learns of it."""

import json
import shutil
import zipfile

import pytest


@pytest.fixture
def changed(doubler, tmp_path):
    """Make another archive of the doubler; takes member → its new content, None to leave it out."""

    def change(contents, name="changed.mar"):
        path = tmp_path / name
        with zipfile.ZipFile(doubler) as source, zipfile.ZipFile(path, "w") as target:
            held = {each: source.read(each) for each in source.namelist()} | contents
            for member, content in held.items():
                if content is not None:
                    target.writestr(member, content)
        return path

    return change


@pytest.fixture
def tripler(changed):
    import torch
    from safetensors.torch import save

    return changed({"weights.safetensors": save({"linear.weight": torch.tensor([[3.0]])})})


def test_identical_archives_are_said_to_be_so(mar, doubler, tmp_path):
    copy = shutil.copy(doubler, tmp_path / "copy.mar")
    ran = mar("diff", doubler, copy)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith(f"old  {doubler}: doubler 1.0 (.mar, 4 files, ")
    assert ran.out.endswith("\n\nidentical\n")


def test_a_later_packing_is_no_difference(mar, doubler, changed):
    with zipfile.ZipFile(doubler) as archive:
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    later = changed({"MAR-INF/MANIFEST.json": json.dumps({**manifest, "createdOn": "today"})})
    ran = mar("diff", doubler, later)
    assert ran.code == 0
    assert "identical, but for when and by what they were packed" in ran.out


def test_a_change_of_a_weight_is_shown_with_its_share(mar, doubler, tripler):
    ran = mar("diff", doubler, tripler)
    assert ran.code == 1
    assert "tensors of weights.safetensors (safetensors): 1 differs, 0 unchanged" in ran.out
    row = next(line.split() for line in ran.out.splitlines() if line.startswith("linear.weight"))
    assert row == ["linear.weight", "changed", "1x1", "float32", "1", "50.00%"]


def test_code_settings_and_files_are_shown(mar, doubler, changed):
    new = changed(
        {
            "model.py": "from torch import nn\n\n\nNet = nn.Identity\n",
            "model-config.yaml": "batchSize: 3\n",
            "notes.txt": "new\n",
        }
    )
    ran = mar("diff", doubler, new, "--context", "0")
    lines = ran.out.splitlines()
    assert ["batchSize", "2", "3"] in [line.split() for line in lines]
    assert ["notes.txt", "added", "-", "4", "B"] in [line.split() for line in lines]
    assert "files: 3 differ, 2 unchanged" in lines
    assert "+Net = nn.Identity" in lines
    assert "class Net" not in " ".join(line for line in lines if line.startswith(" "))


def test_long_tables_and_diffs_are_cut_and_say_so(mar, changed):
    old, new = (
        changed(
            {
                "index_to_name.json": json.dumps({str(n): f"{side}{n}" for n in range(30)}),
                "notes.txt": "".join(f"{side}{n}\n" for n in range(30)),
            },
            f"{side}.mar",
        )
        for side in ("old", "new")
    )
    ran = mar("diff", old, new, "--most", "2", "--lines", "5")
    assert "... 28 more (--most)" in ran.out
    assert "... 56 more lines (--lines)" in ran.out
    assert len(json.loads(mar("diff", old, new, "--json").out)["labels"]) == 30


def test_what_would_steer_a_terminal_is_written_out(mar, doubler, changed):
    ran = mar("diff", doubler, changed({"model.py": "# \x1b]0;title\x07 \u202e\n"}))
    assert "+# \\x1b]0;title\\x07 \\u202e" in ran.out


def test_json_has_everything(mar, doubler, tripler):
    ran = mar("diff", doubler, tripler, "--json")
    said = json.loads(ran.out)
    assert (ran.code, said["same"]) == (1, False)
    (tensor,) = said["weights"][0]["tensors"]
    assert (tensor["name"], tensor["largest"], tensor["relative"]) == ("linear.weight", 1.0, 0.5)


def test_answers_are_compared_when_the_code_may_run(mar, doubler, tripler, make_input):
    sample = make_input("two.json", {"x": 2})
    arguments = ("--run", "--sample", sample, "--rounds", "1", "--device", "cpu")
    ran = mar("diff", doubler, tripler, *arguments)
    assert ran.code == 1
    assert "answers: 0 of 1 agree (rtol 0.0001, atol 1e-05)" in ran.out
    assert f"  {sample}: $.double: 4 -> 6: 2 apart" in ran.out
    rows = {line.split("  ")[0]: line for line in ran.out.splitlines()}
    assert "cpu, float32" in rows["device, precision"]
    assert {"ms to load", "ms a request (quartiles)", "weights"} <= rows.keys()
    assert "a batch of 1" in ran.err
    assert "a batch of 1" not in ran.out


def test_an_archive_that_cannot_be_loaded_is_exit_code_3_after_the_comparison(
    mar, doubler, changed, make_input
):
    broken = changed({"handler.py": "import nothing_of_that_name\n"})
    ran = mar("diff", doubler, broken, "--run", "--sample", make_input("two.json", {"x": 2}))
    assert ran.code == 3
    assert "new cannot be run: changed.mar: " in ran.out
    assert "+import nothing_of_that_name" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sample", "{sample}"), "say so with --run"),
        (("--run",), "holds samples: give some with --sample"),
        (("--run", "--sample", "no-such.json"), "no-such.json does not exist"),
        (("--run", "--sample", "{bad}"), "is not valid JSON"),
        (("--context", "-1"), "'-1' is no whole number"),
        (("--rtol", "nan"), "'nan' is no number of 0 or more"),
        (("--precision", "half"), "unknown precision 'half'"),
        (("--device", "gpu9000"), "gpu9000"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(mar, doubler, make_input, arguments, message):
    places = {"sample": make_input("two.json", {"x": 2}), "bad": make_input("bad.json", "{x")}
    ran = mar("diff", doubler, doubler, *(each.format(**places) for each in arguments))
    assert ran.code == 2
    assert message in ran.err


def test_a_stored_request_can_be_the_sample(mar, doubler, tmp_path):
    from ts_sdk import Request
    from ts_sdk.samples import write_request

    write_request(Request({"body": {"x": 2}}), tmp_path / "request")
    ran = mar("diff", doubler, doubler, "--run", "--sample", tmp_path / "request", "--rounds", "0")
    assert ran.code == 0
    assert ran.out.count("1 of 1 agree") == 1


@pytest.mark.parametrize("side", [0, 1])
def test_what_is_no_archive_is_exit_code_3(mar, doubler, tmp_path, side):
    pair = [doubler, doubler]
    pair[side] = tmp_path / "nowhere.mar"
    ran = mar("diff", *pair)
    assert ran.code == 3
    assert "nowhere.mar" in ran.err

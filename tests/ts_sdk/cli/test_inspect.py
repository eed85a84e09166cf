"""``mar inspect``: what is inside, without running it."""

import json
import zipfile


def test_people_see_what_the_archive_is_made_of(mar, doubler):
    ran = mar("inspect", doubler)
    assert ran.code == 0
    head, *facts = ran.out.split("\n\n")[0].splitlines()
    assert head.startswith("doubler 1.0 (mar, ")
    told = dict(line.strip().split("  ", 1) for line in facts)
    assert told["handler"].strip() == "handler.py: Doubler"
    assert told["model file"].strip() == "model.py: Net"
    assert told["weights"].strip() == (
        "weights.safetensors: safetensors, 1 tensor, 1 parameter, F32"
    )
    assert told["config"].strip() == "model-config.yaml: batchSize"


def test_people_see_every_member(mar, doubler):
    table = mar("inspect", doubler).out.split("\n\n")[1]
    with zipfile.ZipFile(doubler) as archive:
        for name in archive.namelist():
            assert f"\n{name} " in table


def test_programs_get_all_of_it(mar, doubler):
    ran = mar("inspect", doubler, "--json")
    assert ran.code == 0
    facts = json.loads(ran.out)
    assert facts["manifest"]["model"]["modelName"] == "doubler"
    assert {member["name"]: member["kind"] for member in facts["members"]} == {
        "MAR-INF/MANIFEST.json": "manifest",
        "handler.py": "handler",
        "model.py": "model file",
        "model-config.yaml": "config",
        "weights.safetensors": "weights",
    }


def test_a_folder_without_a_manifest_is_told_by_its_names(mar, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/handler.py").write_text("def handle(data, context):\n    return data\n")
    ran = mar("inspect", tmp_path / "m")
    assert ran.code == 0
    assert ran.out.startswith("m (folder, ")
    assert "handler.py: handle" in ran.out
    assert "warning: there is no MAR-INF/MANIFEST.json" in ran.out


def test_nothing_of_the_archive_is_run(mar, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/handler.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    mar("inspect", tmp_path / "m")
    assert not (tmp_path / "ran").exists()


def test_what_is_no_archive_is_exit_code_3(mar, tmp_path):
    (tmp_path / "page.mar").write_text("<html>not found</html>")
    ran = mar("inspect", tmp_path / "page.mar")
    assert (ran.code, ran.out) == (3, "")
    assert "page.mar" in ran.err

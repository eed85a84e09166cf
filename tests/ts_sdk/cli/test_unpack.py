"""``mar unpack``: all files or none, and nothing overwritten."""

import json
import zipfile


def test_an_archive_is_unpacked_into_a_folder_of_its_name(mar, doubler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = mar("unpack", doubler)
    assert (ran.code, ran.out) == (0, "5 files in doubler\n")
    with zipfile.ZipFile(doubler) as archive:
        for name in archive.namelist():
            assert (tmp_path / "doubler" / name).read_bytes() == archive.read(name)


def test_the_folder_can_be_named(mar, doubler, tmp_path):
    ran = mar("unpack", doubler, "-o", tmp_path / "there" / "too", "--json")
    assert ran.code == 0
    facts = json.loads(ran.out)
    assert facts["folder"] == str(tmp_path / "there/too")
    assert set(facts["members"]) == {
        "MAR-INF/MANIFEST.json",
        "handler.py",
        "model.py",
        "model-config.yaml",
        "weights.safetensors",
    }
    assert (tmp_path / "there/too/handler.py").is_file()


def test_what_is_there_is_never_overwritten(mar, doubler, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    ran = mar("unpack", doubler, "-o", tmp_path)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("mar: ")
    assert "already exists" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_of_a_damaged_archive_nothing_is_written(mar, doubler, tmp_path):
    damaged = tmp_path / "damaged.mar"
    damaged.write_bytes(doubler.read_bytes().replace(b"class Doubler", b"class DOUBLER"))
    ran = mar("unpack", damaged, "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (3, "")
    assert "handler.py" in ran.err
    assert not (tmp_path / "out").exists()

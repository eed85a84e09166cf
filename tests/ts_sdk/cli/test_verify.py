"""``mar verify``: a verdict on each archive, and nothing of it run."""

import shutil

import pytest


@pytest.fixture
def damaged(doubler, tmp_path):
    """The doubler with one letter of its handler changed."""
    path = tmp_path / "damaged.mar"
    path.write_bytes(doubler.read_bytes().replace(b"class Doubler", b"class DOUBLER"))
    return path


def test_a_sound_archive_is_exit_code_0(mar, doubler):
    ran = mar("verify", doubler)
    assert ran.code == 0
    assert ran.out.startswith(f"{doubler}: sound (5 members")


def test_every_archive_gets_its_verdict_also_after_a_bad_one(mar, doubler, damaged):
    ran = mar("verify", damaged, "no-such.mar", doubler)
    assert ran.code == 1
    assert f"{damaged}: not sound\n  - " in ran.out
    assert "handler.py" in ran.out
    assert "no-such.mar: not sound\n  - it does not exist" in ran.out
    assert f"{doubler}: sound" in ran.out


def test_json_is_one_line_for_each_archive(mar, doubler, damaged):
    ran = mar("verify", damaged, doubler, "--json")
    assert ran.code == 1
    bad, good = ran.lines
    assert (bad["archive"], bad["sound"]) == (str(damaged), False)
    assert len(bad["problems"]) == 1
    assert (good["sound"], good["members"], good["problems"]) == (True, 5, [])


def test_nothing_of_the_archive_is_run(mar, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/handler.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    shutil.make_archive(str(tmp_path / "m"), "zip", tmp_path / "m")
    assert mar("verify", tmp_path / "m.zip", tmp_path / "m").code == 0
    assert not (tmp_path / "ran").exists()


def test_no_checksums_are_claimed_for_a_folder_without_a_record(mar, tmp_path):
    (tmp_path / "handler.py").write_text("def handle(data, context): return data\n")
    ran = mar("verify", tmp_path)
    assert ran.out.endswith("sound (1 members, readable; there are no checksums and no RECORD)\n")

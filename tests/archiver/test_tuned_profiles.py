"""``--profile``: what was tuned on a machine, which an archive keeps below ``MAR-INF/tuned/``."""

import json
import zipfile

import pytest
from packing import contents, pack_cat, problems_of, the_problem
from tuned_documents import HARDWARE, profile_document, profile_text

import archiver
from archiver.cli import main
from archiver.tuned_profiles import (
    MOST_PROFILE_BYTES,
    is_profile_member,
    parse_profile,
    release_of,
)

MEMBER = "MAR-INF/tuned/a-processor-r-9000-2.10ghz-4-cores-torch-2.14.json"
FORMATS = ("default", "zip-store", "tgz", "no-archive")


@pytest.fixture
def profile(sources):
    """Beside the sources: the file that `mar tune` leaves."""
    (sources / "profile.json").write_text(profile_text())
    return sources / "profile.json"


def kept(archive):
    return {name for name in contents(archive) if is_profile_member(name)}


@pytest.mark.parametrize("archive_format", FORMATS)
def test_a_profile_is_kept_in_every_format_under_its_machines_name(profile, archive_format):
    packed = pack_cat(archive_format=archive_format, profiles=profile)
    assert kept(packed.path) == {MEMBER}
    with archiver.Archive.open(packed.path) as archive:
        assert MEMBER in {entry.name for entry in archive.record}
        assert archive.read(MEMBER) == profile.read_bytes()
        archive.verify()


def test_profiles_of_several_machines_which_are_all_called_the_same_go_together(profile, sources):
    (sources / "gpu").mkdir()
    other = sources / "gpu/profile.json"
    other.write_text(profile_text(hardware={"gpus": ["A GPU", "A GPU"], "cores": 16}))
    packed = pack_cat(profiles=[profile, other])
    assert kept(packed.path) == {
        MEMBER,
        "MAR-INF/tuned/a-processor-r-9000-2.10ghz-16-cores-a-gpu-a-gpu-torch-2.14.json",
    }


def test_two_profiles_of_one_machine_are_refused_and_both_are_named(profile, sources):
    (sources / "newer.json").write_text(profile_text(settings={"batch_size": 8}))
    problem = the_problem(profiles=[profile, "newer.json"])
    assert str(profile) in problem
    assert "newer.json" in problem
    assert problem.endswith("there is one profile a machine, so leave one of them out")


def test_an_inspection_tells_profiles_from_other_members_and_reads_them(profile):
    with archiver.Archive.open(pack_cat(profiles=profile).path) as archive:
        facts = archiver.inspect(archive)
    assert {each.member.name for each in facts.members if each.kind == "profile"} == {MEMBER}
    assert facts.warnings == ()
    [found] = facts.profiles
    assert found.machine == "A Processor(R) 9000 @ 2.10GHz, 4 cores, torch 2.14"
    assert found.setting == "cpu float32 eager, 1 worker, batch 4"
    assert facts.to_dict()["profiles"] == json.loads(json.dumps([found.to_dict()]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not valid JSON: "),
        ("\xff", "is not valid JSON: "),
        ("[" * 200_000, "is nested too deeply"),
        ("[1]", "is no profile of mar tune"),
        ('{"version": 1}', "is no profile of mar tune"),
        (" " * (MOST_PROFILE_BYTES + 1), f"has {MOST_PROFILE_BYTES + 1} bytes"),
        (profile_text(version=2), "has the version 2, and only 1 is understood"),
        (profile_text(hardware={"cores": 0}), "does not say which processor"),
        (profile_text(hardware={"cpu": None}), "does not say which processor"),
        (profile_text(hardware={"gpus": "A GPU"}), "does not list the GPUs"),
        (profile_text(hardware={"packages": {"torch": 2}}), "does not say which versions"),
        (profile_text(settings={"precision": 16}), "has no word for precision"),
        (profile_text(settings={"workers": True}), "for workers in its settings"),
        (profile_text(settings={"threads": 0}), "for threads in its settings"),
        (json.dumps(profile_document() | {"config": []}), "has no section config"),
        (json.dumps(profile_document() | {"settings": None}), "has no section settings"),
    ],
)
def test_what_is_no_profile_is_refused_with_the_reason(sources, text, reason):
    (sources / "profile.json").write_text(text, encoding="latin-1")
    problem = the_problem(profiles="profile.json")
    assert problem.startswith("the profile profile.json ")
    assert reason in problem


def test_a_missing_profile_is_one_problem_beside_the_others(sources):
    problems = problems_of(profiles=["absent.json", sources], version=" ")
    assert "the profile absent.json does not exist" in problems
    assert f"the profile {sources} is a folder, where a file is needed" in problems
    assert len(problems) == 3


def test_an_extra_file_cannot_pretend_to_be_a_profile(profile):
    problem = the_problem(extra_files="profile.json=MAR-INF/tuned/mine.json")
    assert "reserved for the archive's own metadata" in problem


def test_a_damaged_profile_in_an_archive_is_a_warning_of_the_inspection(profile):
    path = pack_cat().path
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    del members["MAR-INF/RECORD"]
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in {**members, MEMBER: b'{"version": 1'}.items():
            packed.writestr(name, content)
    with archiver.Archive.open(path) as archive:
        facts = archiver.inspect(archive)
    assert facts.profiles == ()
    [warning] = [each for each in facts.warnings if MEMBER in each]
    assert warning.startswith(f"{MEMBER} is not valid JSON: ")
    assert warning.endswith(", so that it is never applied")


def test_the_command_takes_profiles_and_lists_them(profile, capsys):
    arguments = ["--model-name", "cat", "--version", "1", "--handler", "handler.py"]
    arguments += ["--profile", "profile.json"]
    assert main([*arguments, "--dry-run"]) == 0
    assert MEMBER in capsys.readouterr().out
    profile.write_text("{}")
    assert main(arguments) == 1
    assert "the profile profile.json is no profile of mar tune" in capsys.readouterr().err


def test_facts_that_may_be_missing_are_none():
    hardware = {**HARDWARE, "packages": {}, "gpu_driver": 5, "memory_mb": None}
    found = parse_profile(profile_text(hardware=hardware).encode())
    assert (found.torch, found.gpu_driver, found.memory_mb) == (None, None, None)
    assert found.machine == "A Processor(R) 9000 @ 2.10GHz, 4 cores"


@pytest.mark.parametrize(
    ("version", "release"), [("2.14.0+cu130", "2.14"), ("2.14.0a0", "2.14"), ("3", "3")]
)
def test_a_release_is_the_first_two_numbers(version, release):
    assert release_of(version) == release

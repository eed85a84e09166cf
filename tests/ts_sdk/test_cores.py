"""How many cores there really are."""

import os

import pytest

from ts_sdk.cores import available_cores, most_threads

THERE_ARE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def cores_in(tmp_path):
    """The cores where the control groups say this: folder → content of its `cpu.max`."""

    def count(limits, own="0::/outer/inner\n"):
        groups = tmp_path / "groups"
        (groups / "outer" / "inner").mkdir(parents=True)
        for folder, content in limits.items():
            (groups / folder / "cpu.max").write_text(content)
        (tmp_path / "own").write_text(own)
        return available_cores(groups, tmp_path / "own")

    return count


def test_without_control_groups_they_are_those_of_the_affinity(tmp_path):
    assert available_cores(tmp_path / "none", tmp_path / "none") == THERE_ARE


def test_a_group_without_a_limit_changes_nothing(cores_in):
    assert cores_in({"outer/inner": "max 100000\n"}) == THERE_ARE


def test_a_share_of_a_core_counts_as_one(cores_in):
    assert cores_in({"outer/inner": "50000 100000\n"}) == 1


def test_the_limit_of_a_group_further_out_counts_too(cores_in):
    assert cores_in({"outer/inner": "max 100000\n", "outer": "100000 100000\n"}) == 1


def test_a_limit_above_what_there_is_gives_no_more(cores_in):
    assert cores_in({"outer/inner": "99900000 100000\n"}) == THERE_ARE


def test_groups_of_version_1_are_not_looked_at(cores_in):
    assert cores_in({"outer": "1000 100000\n"}, own="4:cpu:/outer\n") == THERE_ARE


@pytest.mark.parametrize(
    ("text", "most"), [("1", 1), ("4,2", 4), ("", None), ("all", None), ("0", None)]
)
def test_what_openmp_is_told_bounds_the_threads(monkeypatch, text, most):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert most_threads() == most

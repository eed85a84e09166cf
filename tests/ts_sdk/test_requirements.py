"""What a requirements file asks for, compared with what is installed."""

import importlib.metadata

import pytest

from ts_sdk.requirements import (
    included_files,
    requirement_lines,
    unmet_in_environment,
    unmet_requirements,
)

NUMPY = importlib.metadata.version("numpy")


def told(content, folder=None):
    return [str(unmet) for unmet in unmet_requirements(content, folder)]


class TestWhatIsUnmet:
    def test_is_nothing_where_all_is_there(self):
        assert told(f"numpy>=1\nNumPy=={NUMPY}  # exactly\npillow\n") == []

    def test_is_another_version_or_none(self):
        content = "numpy==0.1\nno-such-thing>=2\nNo_Such.thing[fast]; python_version > '3'\npillow"
        assert told(content) == [
            f"needs numpy==0.1, installed {NUMPY}",
            "needs no-such-thing>=2, not installed",
            "needs No_Such.thing[fast]; python_version > '3', not installed",
        ]

    def test_is_nothing_that_another_platform_or_python_needs(self):
        assert told("no-such-thing; sys_platform == 'never'\nno-such-thing; extra == 'x'") == []

    def test_is_an_extra_of_what_is_there_when_the_extra_is_not(self):
        unmet = unmet_requirements("ts-sdk[no-such-extra]\nhypothesis[crosshair]")
        assert [each.requirement for each in unmet] == ["hypothesis[crosshair]"]

    def test_is_a_wheel_of_another_version(self):
        there = f"./wheels/numpy-{NUMPY}-py3-none-any.whl"
        other = "https://example.org/numpy-0.1-py3-none-any.whl#sha256=00"
        assert told(f"{there}\n{other}\n") == [f"needs {other}, installed {NUMPY}"]

    def test_is_whatever_only_installing_it_would_tell(self):
        places = ["-e ./mine", "--editable=./mine", "./mine", "git+https://example.org/mine.git"]
        assert told("\n".join(places)) == [
            "needs ./mine",
            "needs ./mine",
            "needs ./mine",
            "needs git+https://example.org/mine.git",
        ]

    def test_is_a_direct_reference_unless_it_was_installed_from_there(self):
        assert told("numpy @ https://example.org/numpy.zip") == [
            f"needs numpy @ https://example.org/numpy.zip, installed {NUMPY}"
        ]

    def test_is_also_what_included_files_ask_for(self, tmp_path):
        (tmp_path / "more").mkdir()
        (tmp_path / "more/base.txt").write_text("numpy==0.1\n-r again.txt")
        (tmp_path / "more/again.txt").write_text("-r base.txt\nno-such-thing")
        content = "-r more/base.txt\n--requirement=absent.txt"
        assert [each.name for each in unmet_requirements(content, tmp_path)] == [
            "numpy",
            "no-such-thing",
        ]
        assert unmet_requirements(content) == []


def test_lines_are_read_as_pip_reads_them(monkeypatch):
    monkeypatch.setenv("WANTED", "1.5")
    content = "\ufeffnumpy \\\n  >= 1 # why\n\n# a comment \\\nother==${WANTED}\n--no-index\n"
    assert list(requirement_lines(content.encode())) == [
        "numpy   >= 1",
        "other==1.5",
        "--no-index",
    ]
    assert list(requirement_lines("numpy\n".encode("utf-16"))) == ["numpy"]


@pytest.mark.parametrize("option", ["-r", "--requirement ", "-c ", "--constraint="])
def test_the_files_that_one_includes(option):
    assert included_files(f"numpy\n{option}base.txt\n-f ./wheels") == ["base.txt"]


def test_what_the_packages_in_a_folder_need(tmp_path):
    for name, needs in {"one": ["two>=2", "numpy", 'x; extra == "y"'], "two": []}.items():
        metadata = tmp_path / f"{name}-1.dist-info/METADATA"
        metadata.parent.mkdir()
        lines = [f"Name: {name}", "Version: 1", *(f"Requires-Dist: {need}" for need in needs)]
        metadata.write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
    unmet = unmet_in_environment(tmp_path, [str(tmp_path)])
    assert [str(each) for each in unmet] == [
        "needs two>=2, installed 1",
        "needs numpy, not installed",
    ]

"""Requirements files: which lines pip would take."""

import pytest

from archiver.source_checks.requirements import requirements_problems


@pytest.fixture
def judged(tmp_path):
    """What is said of a requirements file with this content."""

    def judge(content):
        path = tmp_path / "requirements.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return requirements_problems(path)

    return judge


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a comment",
        "numpy",
        "numpy==1.26.4",
        "numpy >= 1.26, < 3  # a comment",
        "numpy~=1.26",
        "torch==2.10.0+cu128",
        "torch===2.10",
        "Django!=4.*",
        "zope.interface",
        "a-b_c.d2",
        "requests[socks,security]>=2",
        "requests [ socks ] >= 2",
        "importlib-metadata; python_version < '3.10'",
        "numpy (>=1.26)",
        "pip @ https://example.org/pip-24.0.tar.gz",
        "pip[x] @ file:///wheels/pip.whl ; python_version > '3'",
        "https://example.org/package.whl",
        "git+https://example.org/project.git@v1#egg=project",
        "./local-package",
        "../wheels/x-1.0-py3-none-any.whl",
        "x-1.0-py3-none-any.whl",
        "folder/package",
        "-r other.txt",
        "-e .",
        "--index-url https://example.org/simple",
        "--no-binary :all:",
        "numpy==1.26.4 --hash=sha256:abc --hash=sha256:def",
        "numpy==1.26.4 \\\n    --hash=sha256:abc",
        "${PACKAGE}",
    ],
)
def test_a_line_that_pip_takes_is_taken(judged, line):
    assert judged(f"{line}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "numpy=1.26",
        "numpy==",
        "numpy == 1.26 2.0",
        "numpy and torch",
        "==1.26",
        "numpy>>1",
        "numpy,torch",
        "import numpy",
        "<html>",
        "pip install numpy",
        "[socks]",
        "numpy;",
    ],
)
def test_a_line_that_pip_does_not_take_is_told_with_its_number(judged, line):
    (problem,) = judged(f"torch\n# next\n{line}\nscipy\n")
    assert "requirements.txt:3: not a requirement" in problem
    assert repr(line) in problem


def test_a_single_equals_sign_is_explained(judged):
    (problem,) = judged("numpy=1.26")
    assert "pinned with '=='" in problem


def test_all_bad_lines_are_told(judged):
    assert len(judged("a b\nfine\nc d\n")) == 2


def test_a_line_that_goes_on_is_told_with_the_number_where_it_begins(judged):
    (problem,) = judged("torch\nnumpy \\\n  oops\n")
    assert "requirements.txt:2" in problem


def test_byte_order_marks_are_no_obstacle(judged):
    assert judged("\ufeffnumpy\r\ntorch\r\n") == []
    assert judged("numpy\ntorch\n".encode("utf-16")) == []


@pytest.mark.parametrize("content", [b"\x80\x02}q\x00.\xff", b"numpy\0torch"])
def test_a_file_that_is_no_text_is_told(judged, content):
    (problem,) = judged(content)
    assert "is not text" in problem


def test_a_web_page_is_no_list_of_paths(judged):
    (problem,) = judged("<html><body>404</body></html>")
    assert "not a requirement" in problem

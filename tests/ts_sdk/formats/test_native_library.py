"""Compiled libraries are looked at before they are loaded: a bad one would end the process."""

import sys
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath

from ts_sdk.formats.native_library import library_problem, this_machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the libraries are those of Linux")

_MACHINE = 18
_OTHERS = {"x86_64": 0xB7, "aarch64": 0x3E}


@pytest.fixture(scope="module")
def library() -> bytearray:
    """A real library: a part of numpy."""
    return bytearray(Path(_multiarray_umath.__file__).read_bytes())


def problem_of(content) -> str | None:
    return library_problem(memoryview(content))


def test_a_library_of_this_machine_is_all_right(library):
    assert problem_of(library) is None


@pytest.mark.parametrize("kept", [5, 63, 64, 100, 0.1, 0.5, 0.9, 0.99])
def test_a_library_that_is_cut_off_is_told(library, kept):
    size = int(len(library) * kept) if isinstance(kept, float) else kept
    assert problem_of(library[:size]) == "it is cut off"


def test_a_library_of_another_processor_is_told_with_both(library):
    other = bytearray(library)
    other[_MACHINE : _MACHINE + 2] = _OTHERS[this_machine()].to_bytes(2, "little")
    assert problem_of(other).endswith(f"and this is {this_machine()}")


def test_a_library_of_another_system_is_told():
    assert problem_of(b"MZ" + bytes(100)) == "it was compiled for Windows, and this is Linux"
    assert problem_of(b"\xcf\xfa\xed\xfe" + bytes(100)).startswith("it was compiled for macOS")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4" + bytes(100)])
def test_what_is_no_library_is_told(content):
    assert problem_of(content) == "it is no compiled library"


@pytest.mark.parametrize("place", [*range(32, 64)])
def test_a_damaged_header_is_told_or_harmless(library, place):
    """Offsets and counts that lie never make the check itself read past the end."""
    damaged = bytearray(library)
    damaged[place] ^= 0xFF
    problem_of(damaged)

"""Compiled libraries, looked at before they are loaded: a cut-off one would end the process.

Format: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html (ELF).
"""

import platform
import struct
import sys

_STARTS = {
    "linux": (b"\x7fELF", "Linux"),
    "darwin": (b"\xcf\xfa\xed\xfe", "macOS"),
    "win32": (b"MZ", "Windows"),
}
_ELF_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_ELF_SEGMENT = struct.Struct("<IIQQQQQQ")
_64_BIT, _LITTLE_ENDIAN, _SHARED_OBJECT = 2, 1, 3
_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64", 0xF3: "riscv64"}
_SECTION_BYTES = 64
_CUT_OFF = "it is cut off"


def library_problem(content: memoryview) -> str | None:
    """Why a library cannot be loaded into this process; None when nothing speaks against it.

    Args:
        content: All of its bytes.
    """
    here = _STARTS.get(sys.platform)
    if here is not None and content[: len(here[0])] != here[0]:
        made_for = next(
            (system for mark, system in _STARTS.values() if content[: len(mark)] == mark), None
        )
        if made_for is None:
            return "it is no compiled library"
        return f"it was compiled for {made_for}, and this is {here[1]}"
    return _elf_problem(content) if sys.platform == "linux" else None


def this_machine() -> str:
    """The kind of processor that this is, as ELF has it: ``x86_64``, ``aarch64``."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine()
    )


def _elf_problem(content: memoryview) -> str | None:
    if len(content) < _ELF_HEADER.size:
        return _CUT_OFF
    (
        *_, bits, order, kind, machine, _version, _entry, segments, sections, _flags,
        _header_size, segment_bytes, segment_count, section_bytes, section_count, _names,
    ) = _ELF_HEADER.unpack_from(content)  # fmt: skip
    if (bits, order, kind) != (_64_BIT, _LITTLE_ENDIAN, _SHARED_OBJECT):
        return "it is no shared library of a 64-bit processor"
    compiled_for = _MACHINES.get(machine, f"processor {machine:#x}")
    if compiled_for != this_machine():
        return f"it was compiled for {compiled_for}, and this is {this_machine()}"
    if segment_bytes != _ELF_SEGMENT.size or (section_count and section_bytes != _SECTION_BYTES):
        return "its header is damaged"
    end = segments + segment_count * segment_bytes
    ends = [end, sections + section_count * section_bytes]
    if end <= len(content):
        table = _ELF_SEGMENT.iter_unpack(content[segments:end])
        ends += [offset + size for _, _, offset, _, _, size, _, _ in table]
    return _CUT_OFF if max(ends) > len(content) else None

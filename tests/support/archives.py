"""Archives made for a test: good ones in each form, and zips byte by byte for bad ones."""

import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archiver.record import RecordEntry, render_record

MANIFEST = "MAR-INF/MANIFEST.json"
RECORD = "MAR-INF/RECORD"

HANDLER = b"def handle(data, context):\n    return data\n"
WEIGHTS = bytes(range(256)) * 40


def manifest_of(model_name: str = "cat", **model: object) -> bytes:
    """A MANIFEST.json as torch-model-archiver writes it; *model* has the manifest's own keys."""
    document = {
        "createdOn": "01/02/2024 03:04:05",
        "runtime": "python",
        "model": {"modelName": model_name, "handler": "handler.py", "modelVersion": "1.0", **model},
        "archiverVersion": "0.12.0",
    }
    return json.dumps(document, indent=2).encode()


def good_files(**model: object) -> dict[str, bytes]:
    """What a small archive holds."""
    return {
        "model.pt": WEIGHTS,
        "handler.py": HANDLER,
        MANIFEST: manifest_of(serializedFile="model.pt", **model),
    }


def record_of(files: Mapping[str, bytes]) -> bytes:
    """The RECORD of these files."""
    entries = [
        RecordEntry(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
    ]
    return render_record(entries).encode()


def with_record(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """These files and their RECORD."""
    return {**files, RECORD: record_of(files)}


def make_mar(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """A ``.mar``, as ``zipfile`` writes it."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def make_tar_gz(path: Path, files: Mapping[str, bytes], *, folder: str = "cat/") -> Path:
    """A ``.tar.gz`` with everything under one folder, as torch-model-archiver writes it."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def make_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    """A plain folder."""
    path.mkdir()
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@dataclass(frozen=True, kw_only=True)
class RawEntry:
    """One member of a zip whose every field can lie.

    What is None tells the truth. The names with ``local_`` are those of the header in front of the
    content.
    """

    name: bytes | str = "handler.py"
    content: bytes = HANDLER
    method: int = 0
    flags: int = 0
    system: int = 3
    mode: int = 0o100644
    packed: bytes | None = None
    crc: int | None = None
    size: int | None = None
    compressed_size: int | None = None
    extra: bytes = b""
    offset: int | None = None
    disk: int = 0
    local_name: bytes | str | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_compressed_size: int | None = None
    local_extra: bytes = b""
    local_signature: bytes = b"PK\3\4"


def raw_zip(
    *entries: RawEntry,
    in_front: bytes = b"",
    between: bytes = b"",
    behind: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    directory_size: int | None = None,
    directory_offset: int | None = None,
    disk: int = 0,
) -> bytes:
    """A zip with these entries; *in_front* is not counted by any offset, *between* is."""
    file, directory = io.BytesIO(), io.BytesIO()
    for entry in entries:
        offset = file.tell() if entry.offset is None else entry.offset
        packed = _packed(entry)
        if entry.offset is None:
            file.write(_local_header(entry, packed) + packed + between)
        directory.write(_central_header(entry, packed, offset))
    start = file.tell() if directory_offset is None else directory_offset
    told = len(entries) if count is None else count
    size = directory.tell() if directory_size is None else directory_size
    end = struct.pack("<4s4H2LH", b"PK\5\6", disk, disk, told, told, size, start, len(comment))
    return in_front + file.getvalue() + directory.getvalue() + end + comment + behind


def _packed(entry: RawEntry) -> bytes:
    if entry.packed is not None:
        return entry.packed
    return deflated(entry.content) if entry.method == 8 else entry.content


def deflated(content: bytes) -> bytes:
    """Content as a zip keeps it when it is deflated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def _encoded(name: bytes | str) -> bytes:
    return name.encode() if isinstance(name, str) else name


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _local_header(entry: RawEntry, packed: bytes) -> bytes:
    name = _encoded(entry.name if entry.local_name is None else entry.local_name)
    fields = (
        20,
        _first(entry.local_flags, entry.flags),
        _first(entry.local_method, entry.method),
        0,
        0x21,
        _first(entry.local_crc, entry.crc, zlib.crc32(entry.content)),
        _first(entry.local_compressed_size, entry.compressed_size, len(packed)),
        _first(entry.local_size, entry.size, len(entry.content)),
        len(name),
        len(entry.local_extra),
    )
    return struct.pack("<4s5H3L2H", entry.local_signature, *fields) + name + entry.local_extra


def _central_header(entry: RawEntry, packed: bytes, offset: int) -> bytes:
    name = _encoded(entry.name)
    fields = (
        20,
        entry.system,
        20,
        entry.flags,
        entry.method,
        0,
        0x21,
        _first(entry.crc, zlib.crc32(entry.content)),
        _first(entry.compressed_size, len(packed)),
        _first(entry.size, len(entry.content)),
        len(name),
        len(entry.extra),
        0,
        entry.disk,
        0,
        entry.mode << 16,
        offset,
    )
    return struct.pack("<4s2B5H3L5H2L", b"PK\1\2", *fields) + name + entry.extra

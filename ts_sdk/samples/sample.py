"""The samples of an archive or of a folder: requests with names, and what was answered to them."""

import os
from dataclasses import dataclass

from archiver import Archive
from archiver.samples import GOLDEN_SUFFIX, SAMPLES_FOLDER, sample_names
from ts_sdk.rows import Request
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.files import ArchiveFiles, Files, FilesBelow, FolderFiles
from ts_sdk.samples.golden_file import Golden, parse_goldens
from ts_sdk.samples.stored import request_in, request_of_file
from ts_sdk.working_directory import from_program


@dataclass(frozen=True)
class Sample:
    """A request that shows how a model is used.

    Attributes:
        name: Its file's or folder's name, such as ``cat.jpg``.
        request: What is sent.
        goldens: What was answered to it, one for each precision and kind of device.
    """

    name: str
    request: Request
    goldens: tuple[Golden, ...] = ()


def samples_of(archive: Archive | str | os.PathLike[str]) -> tuple[Sample, ...]:
    """The samples that an archive holds below ``MAR-INF/samples/``, which is not unpacked.

    Args:
        archive: An open archive, or the path of one: a ``.mar``, a ``.tar.gz`` or a folder of
            sources.

    Returns:
        Its samples by name; none where it holds none.

    Raises:
        SampleError: One of them cannot be believed.
        archiver.ArchiveError: The archive cannot be read.
    """
    if isinstance(archive, Archive):
        return _samples_in(ArchiveFiles(archive, SAMPLES_FOLDER))
    with Archive.open(from_program(archive)) as opened:
        return _samples_in(ArchiveFiles(opened, SAMPLES_FOLDER))


def read_samples(folder: str | os.PathLike[str]) -> tuple[Sample, ...]:
    """The samples in a plain folder: its files, and its folders with a ``request.json``.

    Args:
        folder: What holds them. Hidden files are none, nor are golden answers.

    Returns:
        The samples by name.

    Raises:
        SampleError: The folder is none or holds none, or a sample cannot be believed.
    """
    place = from_program(folder)
    if not place.is_dir():
        raise SampleError(f"{folder} is no folder of samples")
    samples = _samples_in(FolderFiles(place))
    if not samples:
        raise SampleError(f"the folder {folder} holds no samples")
    return samples


def _samples_in(files: Files) -> tuple[Sample, ...]:
    names = frozenset(files.names())
    return tuple(_sample(files, names, name) for name in sample_names(names))


def _sample(files: Files, names: frozenset[str], name: str) -> Sample:
    is_file = name in names
    request = request_of_file(files, name) if is_file else request_in(FilesBelow(files, name))
    golden = f"{name}{GOLDEN_SUFFIX}"
    goldens = (
        parse_goldens(f"{files.where}/{golden}", files.read(golden)) if golden in names else ()
    )
    return Sample(name, request, goldens)

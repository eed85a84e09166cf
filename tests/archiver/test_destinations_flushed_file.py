"""Files that are flushed while they are written."""

import os
from contextlib import closing

import pytest

from archiver.destinations import flushed_file
from archiver.destinations.flushed_file import FlushedFile


def test_what_is_written_and_overwritten_is_in_the_file(tmp_path):
    with closing(FlushedFile(tmp_path / "file")) as file:
        file.write(b"head")
        file.write(b"content" * 1000)
        file.overwrite(0, b"HEAD")
        file.write(b"tail")
        assert file.position == 4 + 7000 + 4
        file.finish()
    assert (tmp_path / "file").read_bytes() == b"HEAD" + b"content" * 1000 + b"tail"


def test_all_of_it_is_sent_to_the_disk_at_the_end(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with closing(FlushedFile(tmp_path / "file")) as file:
        file.write(bytes(2000))
        file.finish()
    assert sizes == [2000]


def test_flushing_begins_while_more_is_written(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(flushed_file, "_FLUSH_EVERY", 1000)
    monkeypatch.setattr(flushed_file, "_flush_data", flushed.append)
    with closing(FlushedFile(tmp_path / "file")) as file:
        for _ in range(10):
            file.write(bytes(500))
        file.finish()
    assert flushed


def test_an_error_of_the_disk_while_flushing_is_not_lost(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flushed_file, "_FLUSH_EVERY", 1000)
    monkeypatch.setattr(flushed_file, "_flush_data", fail)
    with closing(FlushedFile(tmp_path / "file")) as file:
        file.write(bytes(2000))
        with pytest.raises(OSError, match="Input/output"):
            file.finish()

"""What the tests of the archiver share."""

import pytest
from packing import write_sources


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder with the sources of a small model, which is the current folder."""
    folder = write_sources(tmp_path / "sources")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return folder

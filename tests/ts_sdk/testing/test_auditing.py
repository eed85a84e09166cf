"""What a block of code asks of the network and writes to the file system."""

import io
import os
import shutil
import socket
import sys
import tempfile
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from ts_sdk.testing.watching.auditing import (
    NetworkRefusedError,
    refusing_network,
    watching_writes,
)

ELSEWHERE = "192.0.2.1"
"""An address that belongs to nobody."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, which is empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def connect():
    with socket.socket() as client:
        client.connect((ELSEWHERE, 443))


def connect_over_six():
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("2001:db8::1", 443, 0, 0))


def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"metric:1|c", (ELSEWHERE, 8125))


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (connect, [f"{ELSEWHERE}:443"]),
        (connect_over_six, ["2001:db8::1:443"]),
        (send, [f"{ELSEWHERE}:8125"]),
        (lambda: socket.getaddrinfo("example.invalid", 443), ["example.invalid"]),
        (lambda: socket.gethostbyname("example.invalid"), ["example.invalid"]),
        (lambda: urllib.request.urlopen("http://example.invalid/model.pt"), ["example.invalid"]),
    ],
    ids=["connect", "over IPv6", "send", "look up", "look up by name", "download"],
)
def test_another_machine_is_refused_and_named(ask, asked):
    with refusing_network() as found, pytest.raises(OSError, match="allows no network"):
        ask()
    assert found == asked


def test_a_program_that_goes_on_without_is_told_of_all_the_same():
    with refusing_network() as found:
        with suppress(OSError):
            connect()
        with suppress(OSError):
            connect()
    assert found == [f"{ELSEWHERE}:443"] * 2


def test_other_threads_are_refused_too():
    caught = []

    def ask():
        try:
            connect()
        except NetworkRefusedError as error:
            caught.append(error)

    with refusing_network() as found:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert len(caught) == len(found) == 1


def test_sockets_of_the_file_system_and_pairs_are_let_through(here):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        server.listen()
        with refusing_network() as found, socket.socket(socket.AF_UNIX) as client:
            client.connect("socket")
            first, second = socket.socketpair()
            first.sendall(b"x")
            assert second.recv(1) == b"x"
            first.close()
            second.close()
    assert found == []


def test_afterwards_the_network_is_there_again():
    with refusing_network():
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()[:2]).close()


def test_an_error_in_the_block_ends_the_watch_too():
    with pytest.raises(KeyError), refusing_network():
        raise KeyError
    with pytest.raises(KeyError), watching_writes() as written:
        raise KeyError
    Path(os.devnull).write_text("x")
    assert written == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()[:2]).close()


def descriptor_of(path, flags):
    os.close(os.open(path, flags))


WRITES = {
    "open to write": lambda: Path("a").write_text("x"),
    "open to append": lambda: Path("a").open("ab").close(),
    "open to change": lambda: Path("old").open("r+b").close(),
    "open a new one": lambda: Path("a").open("x").close(),
    "a descriptor": lambda: descriptor_of("a", os.O_WRONLY | os.O_CREAT),
    "a descriptor to cut": lambda: descriptor_of("old", os.O_RDWR | os.O_TRUNC),
    "a folder": lambda: Path("a").mkdir(),
    "a file away": lambda: Path("old").unlink(),
    "a folder away": lambda: Path("empty").rmdir(),
    "a folder away with all": lambda: shutil.rmtree("full"),
    "a file cut off": lambda: os.truncate("old", 0),
    "a mode": lambda: Path("old").chmod(0o600),
    "a link": lambda: Path("a").symlink_to("old"),
    "a second name": lambda: Path("a").hardlink_to("old"),
    "another name": lambda: Path("old").rename("a"),
    "in place of another": lambda: os.replace("old", "a"),  # noqa: PTH105 - as programs do
    "a copy": lambda: shutil.copy("old", "a"),
    "times": lambda: os.utime("old", (1, 1)),
    "an owner": lambda: os.chown("old", -1, -1),
}
TOUCHED = {
    "open to change": {"old"},
    "a descriptor to cut": {"old"},
    "a file away": {"old"},
    "a folder away": {"empty"},
    "a folder away with all": {"full", "full/b"},
    "a file cut off": {"old"},
    "a mode": {"old"},
    "another name": {"old", "a"},
    "in place of another": {"old", "a"},
    "times": {"old"},
    "an owner": {"old"},
}
"""What each of them touches, when that is not the new file `a`."""


@pytest.mark.parametrize("name", WRITES)
def test_each_way_of_writing_is_seen_with_the_whole_path(name, here):
    Path("old").write_text("old")
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full/b").write_text("b")
    with watching_writes() as written:
        WRITES[name]()
    assert set(written) == {here / each for each in TOUCHED.get(name, {"a"})}


def test_reading_and_python_s_own_files_are_not_seen(here):
    Path("old").write_text("old")
    Path("module_of_this_test.py").write_text("x = 1\n")
    sys.path.insert(0, str(here))
    try:
        with watching_writes() as written:
            assert Path("old").read_text() == "old"
            descriptor_of("old", os.O_RDONLY)
            list(here.iterdir())
            Path("old").stat()
            __import__("module_of_this_test")
            io.BytesIO().write(b"x")
    finally:
        sys.path.remove(str(here))
        sys.modules.pop("module_of_this_test", None)
    assert written == []


def test_a_relative_path_is_taken_from_where_the_program_is_at_the_time(here):
    Path("below").mkdir()
    with watching_writes() as written:
        os.chdir("below")
        Path("a").write_text("x")
        os.chdir("..")
    assert written == [here / "below/a"]


def test_temporary_files_are_seen_where_they_are():
    with watching_writes() as written, tempfile.NamedTemporaryFile() as file:
        name = file.name
    assert Path(name) in written
    assert all(path.is_relative_to(tempfile.gettempdir()) for path in written)


def test_an_open_file_is_no_path(here):
    with Path("a").open("w") as file, watching_writes() as written:
        os.truncate(file.fileno(), 0)
        os.fdopen(os.dup(file.fileno()), "w").close()
        file.write("x")
    assert written == []


def test_two_watches_at_once_see_the_same_and_end_by_themselves(here):
    with watching_writes() as outer:
        with watching_writes() as inner:
            Path("a").write_text("x")
        Path("b").write_text("x")
    assert inner == [here / "a"]
    assert outer == [here / "a", here / "b"]

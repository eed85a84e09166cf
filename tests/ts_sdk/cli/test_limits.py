"""How much an archive may hold is an option of every command that opens one."""

import zipfile

import pytest


@pytest.fixture
def bomb(tmp_path):
    """Sixty-five megabytes of zeros, deflated: a thousandth of that."""
    path = tmp_path / "zeros.mar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", bytes(65 << 20))
    return path


@pytest.mark.parametrize(
    "command", [["inspect"], ["verify"], ["unpack"], ["run", "--body", "{}"]], ids=lambda c: c[0]
)
@pytest.mark.parametrize("option", ["--max-members=2", "--max-total-bytes=1kB"])
def test_an_archive_beyond_a_limit_is_refused(mar, doubler, tmp_path, monkeypatch, command, option):
    monkeypatch.chdir(tmp_path)
    ran = mar(*command, doubler, option)
    assert ran.code != 0
    name, _, _ = option.removeprefix("--").partition("=")
    assert f"{name.replace('-', '_')} = " in ran.out + ran.err
    assert not (tmp_path / "doubler").exists()


def test_a_limit_can_be_raised(mar, bomb):
    assert mar("verify", bomb).code == 1
    assert mar("verify", bomb, "--max-ratio", "2000").code == 0


def test_a_size_that_is_none_is_wrong_usage(mar, doubler):
    ran = mar("verify", doubler, "--max-total-bytes", "much")
    assert ran.code == 2
    assert "'much' is no size" in ran.err

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sizes import format_size
from ts_sdk.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1234", 1234),
        ("12B", 12),
        ("20GB", 20 * 10**9),
        ("20G", 20 * 10**9),
        ("20GiB", 20 * 2**30),
        ("1.5 mb", 1_500_000),
        (" 2 KiB ", 2048),
        ("1TB", 10**12),
        ("0.5TiB", 2**39),
    ],
)
def test_a_size_is_read_with_its_unit(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "GB", "-1", "1e9", "1,5GB", "20 parsecs", "١٢", "1.GB"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="such as 500MB"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=2**50))
def test_what_is_written_is_read_back_within_its_precision(size_bytes):
    assert parse_size(format_size(size_bytes)) == pytest.approx(size_bytes, rel=0.05)

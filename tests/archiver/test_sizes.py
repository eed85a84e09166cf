import pytest

from archiver.sizes import format_size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (3 * 2**29, "1.5 GiB"),
        (5 * 2**50, "5120.0 TiB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_fits(size_bytes, text):
    assert format_size(size_bytes) == text

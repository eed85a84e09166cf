"""MAR-INF/RECORD: what is written can be read, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver import CorruptArchiveError, RecordEntry
from archiver.record import parse_record, render_record

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

# Control characters are in no name that is packed.
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
sizes = st.integers(0, 2**63 - 1)
entries = st.builds(RecordEntry, names, sizes, digests)


@given(st.lists(entries, unique_by=lambda entry: entry.name))
def test_what_is_rendered_is_parsed_again(records):
    text = render_record(records)
    assert parse_record(text) == tuple(records)
    assert parse_record(text.encode()) == tuple(records)


def test_a_line_is_what_a_wheels_record_has_with_a_digest_in_hexadecimal():
    assert render_record([RecordEntry("model.pt", 4, SHA256)]) == f"model.pt,sha256={SHA256},4\n"


def test_a_comma_in_a_name_is_quoted():
    assert render_record([RecordEntry("a,b", 4, SHA256)]) == f'"a,b",sha256={SHA256},4\n'


def test_line_ends_of_other_systems_and_empty_lines_are_read():
    text = f"a,sha256={SHA256},1\r\n\r\nb,sha256={SHA256},2\r\n"
    assert [entry.name for entry in parse_record(text)] == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a,b",
        f",sha256={SHA256},4",
        f"a,{SHA256},4",
        f"a,md5={SHA256},4",
        f"a,sha256={SHA256[1:]},4",
        f"a,sha256={SHA256.upper()},4",
        f"a,sha256={SHA256},",
        f"a,sha256={SHA256},-4",
        f"a,sha256={SHA256},4.0",
        f"a,sha256={SHA256},4,5",
        f"a,sha256={SHA256},{'9' * 30}",
    ],
)
def test_a_line_that_is_no_entry_is_told_with_its_number(line):
    with pytest.raises(CorruptArchiveError, match="line 2 is not"):
        parse_record(f"first,sha256={SHA256},1\n{line}\n")


def test_all_bad_lines_are_told_at_once():
    with pytest.raises(CorruptArchiveError) as caught:
        parse_record(f"a\nb,sha256={SHA256},1\nb,sha256={SHA256},1\nc\n", path="cat.mar")
    assert len(caught.value.problems) == 3
    assert "lists 'b' twice" in caught.value.problems[1]


@pytest.mark.parametrize("data", [b"\xff\xfe", b'"never closed'])
def test_what_is_no_text_or_no_csv_is_told(data):
    with pytest.raises(CorruptArchiveError, match="RECORD"):
        parse_record(data)

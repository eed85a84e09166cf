"""`index_to_name.json` in the shapes that archives hold."""

import json

import pytest

from ts_sdk.errors import ConfigError
from ts_sdk.labels import read_labels


@pytest.fixture
def read(tmp_path):
    def reading(content):
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "index_to_name.json").write_bytes(text)
        return read_labels(tmp_path)

    return reading


@pytest.mark.parametrize(
    "content",
    [
        {"0": "cat", "1": "dog"},
        {"0": ["n02123045", "cat"], "1": ["n02085620", "dog"]},
        {"0": ["cat"], "1": "dog"},
        {"object_type_names": ["cat", "dog"]},
        b'\xef\xbb\xbf{"0": "cat", "1": "dog"}',
    ],
)
def test_every_shape_gives_names_by_number(read, content):
    assert read(content) == {"0": "cat", "1": "dog"}


def test_no_file_is_none(tmp_path):
    assert read_labels(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (["cat"], "must hold .* not a list"),
        ({"object_type_names": "cat"}, "object_type_names must be a list"),
        ({"cat": 0}, r"class cat must have a name or \[id, name\], not 0"),
        ({"0": []}, "class 0 must have a name"),
        ({"0": {"name": "cat"}}, "class 0 must have a name"),
    ],
)
def test_anything_else_is_an_error_that_says_what_is_wanted(read, content, why):
    with pytest.raises(ConfigError, match=why) as caught:
        read(content)
    assert "index_to_name.json" in str(caught.value)

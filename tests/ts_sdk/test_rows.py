"""What a caller hands over, as the handler sees it: the types of TorchServe's worker."""

import pytest

from ts_sdk import Request, RequestError
from ts_sdk.rows import decode


@pytest.mark.parametrize("given", [b"\xff\xd8", memoryview(b"\xff\xd8"), bytearray(b"\xff\xd8")])
def test_bytes_arrive_as_a_bytearray(given):
    body = decode(given).parts["body"]
    assert (type(body), body) == (bytearray, bytearray(b"\xff\xd8"))


@pytest.mark.parametrize("given", ["a text", {"instances": [1]}, [1.5, 2], 7, None, True])
def test_text_and_json_values_arrive_as_they_are(given):
    assert decode(given).parts == {"body": given}


def test_a_request_keeps_its_parts_and_headers():
    request = Request({"image": b"x", "target": 3}, {"explain": "True"})
    assert decode(request) is request
    assert decode("text").headers == {}


@pytest.mark.parametrize(
    ("name", "content", "body"),
    [
        ("x.json", b'{"a": [1, 2.5]}', {"a": [1, 2.5]}),
        ("x.JSON", b"\xef\xbb\xbf[1]", [1]),
        ("x.txt", "Käse".encode(), "Käse"),
        ("x.csv", b"a,b", "a,b"),
        ("x.jpg", b"\xff\xd8", bytearray(b"\xff\xd8")),
        ("x", b"text", bytearray(b"text")),
        ("x.bin", b"", bytearray()),
    ],
)
def test_a_path_is_read_as_its_suffix_tells(tmp_path, name, content, body):
    (tmp_path / name).write_bytes(content)
    found = decode(tmp_path / name).parts["body"]
    assert (type(found), found) == (type(body), body)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.json", b"{", "is not valid JSON"),
        ("x.json", b"[" * 100_000, "is not valid JSON"),
        ("x.json", b"\xff\xfe\x00", "is not valid JSON"),
        ("x.txt", b"\xff\xfe", "is not valid UTF-8 text"),
    ],
)
def test_a_file_that_breaks_its_suffixs_promise_is_a_bad_request(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=why) as caught:
        decode(tmp_path / name)
    assert caught.value.status == 400
    assert name in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_bad_request(tmp_path):
    with pytest.raises(RequestError, match="cannot be read: No such file"):
        decode(tmp_path / "none.jpg")
    with pytest.raises(RequestError, match="cannot be read"):
        decode(tmp_path)
    with pytest.raises(RequestError, match="cannot be read"):
        decode(tmp_path / "null\0.jpg")

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


class TestARequestThatWasSent:
    @pytest.mark.parametrize(
        ("content", "content_type", "value"),
        [
            (b'{"a": 1}', "application/json", {"a": 1}),
            (b'{"a": 1}', "application/json; charset=utf-8", bytearray(b'{"a": 1}')),
            (b"{broken", "application/json", bytearray(b"{broken")),
            (b"\xff", "application/json", bytearray(b"\xff")),
            ("Käse".encode(), "text/plain", "Käse"),
            ("Käse".encode(), "text/plain; charset=utf-8", "Käse"),
            (b"\xff", "text/plain", bytearray(b"\xff")),
            (b"GIF", "image/gif", bytearray(b"GIF")),
            (b"", "", bytearray(b"")),
        ],
    )
    def test_is_decoded_as_torchserves_worker_did(self, content, content_type, value):
        request = Request.sent(content, content_type=content_type)
        assert request.parts == {"body": value}
        assert type(request.parts["body"]) is type(value)
        assert request.all_headers == {
            "body": {"content-type": content_type},
            "Content-Type": content_type,
        }

    def test_stays_bytes_where_decoding_is_switched_off(self, monkeypatch):
        monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", "false")
        assert Request.sent(b"[1]", content_type="application/json").parts["body"] == b"[1]"
        monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", "true")
        assert Request.sent(b"[1]", content_type="application/json").parts["body"] == [1]

    def test_has_a_header_for_each_part_beside_its_own(self, tmp_path):
        picture = tmp_path / "a.png"
        picture.write_bytes(b"PNG")
        request = Request.sent(
            parts={"image": (picture, "image/png"), "prompt": "a cat", "options": {"n": 1}},
            headers={"X-Trace": "7"},
        )
        assert request.parts == {"image": b"PNG", "prompt": "a cat", "options": {"n": 1}}
        assert request.all_headers == {
            "image": {"content-type": "image/png"},
            "prompt": {"content-type": "text/plain"},
            "options": {"content-type": "application/json"},
            "X-Trace": "7",
        }

    def test_is_what_its_header_says(self):
        request = Request.sent(b"[1]", headers={"content-type": "application/json"})
        assert request.parts == {"body": [1]}
        assert request.all_headers == {
            "body": {"content-type": "application/json"},
            "content-type": "application/json",
        }

    def test_has_headers_of_names_and_values(self):
        with pytest.raises(TypeError, match="headers must be a mapping"):
            Request.sent(b"x", headers=["a"])

    def test_of_a_decoded_value_keeps_it_whatever_its_content_type(self):
        request = Request.sent([1, 2], content_type="application/json")
        assert request.parts["body"] == [1, 2]

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({}, "needs a body or parts"),
            ({"content_type": "text/plain"}, "needs a body or parts"),
            ({"body": b"a", "parts": {"b": b"c"}}, "give a body with its content_type, or parts"),
            ({"parts": {"b": b"c"}, "content_type": "a/b"}, "or parts that have their own"),
        ],
    )
    def test_that_says_two_things_or_nothing_is_refused(self, given, why):
        with pytest.raises(TypeError, match=why):
            Request.sent(**given)

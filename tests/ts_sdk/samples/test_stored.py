"""Requests as folders of files: what goes in comes out, and what is hostile is refused."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ts_sdk import Request
from ts_sdk.samples import files as sample_files
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.stored import read_request, write_request

JPEG = b"\xff\xd8\xff\xe0 not much of a picture"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
TEXTS = st.text(st.characters(exclude_categories=()))


def stored(request, folder):
    """The request that comes back."""
    write_request(request, folder)
    return read_request(folder)


def described(folder):
    return json.loads((folder / "request.json").read_text())


def folder_of(path, parts, files=(), **rest):
    """A folder that somebody else wrote."""
    path.mkdir()
    document = {"version": 1, "headers": {}, "parts": parts, **rest}
    (path / "request.json").write_text(json.dumps(document))
    for name, content in dict(files).items():
        (path / name).write_bytes(content)
    return path


def test_a_request_comes_back_with_its_parts_their_types_and_its_headers(tmp_path):
    request = Request.sent(
        parts={
            "image": (JPEG, "image/jpeg"),
            "caption": "Käse\r\n\u2028 ",
            "options": ({"topk": 3, "ö": [1.5, None, True]}, "application/json"),
        },
        headers={"X-Trace": "abc"},
    )
    back = stored(request, tmp_path / "one")
    assert back == request
    assert list(back.parts) == ["image", "caption", "options"]
    assert [type(value) for value in back.parts.values()] == [bytearray, str, dict]


def test_the_files_hold_what_came_over_the_wire_under_telling_names(tmp_path):
    request = Request.sent(
        parts={
            "image": (JPEG, "image/jpeg"),
            "found": JPEG,
            "caption": "hello",
            "table": ("a,b", "text/csv"),
            "options": {"topk": 3},
            "else": b"\x00\x01",
        }
    )
    write_request(request, tmp_path / "one")
    contents = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    del contents["request.json"]
    assert json.loads(contents.pop("options.json")) == {"topk": 3}
    assert contents == {
        "image.jpg": JPEG,
        "found.jpg": JPEG,
        "caption.txt": b"hello",
        "table.csv": b"a,b",
        "else.bin": b"\x00\x01",
    }


@given(parts=st.dictionaries(TEXTS, JSON_VALUES | st.binary() | TEXTS, max_size=4))
def test_any_part_names_and_values_come_back(tmp_path_factory, parts):
    request = Request(parts, {"h": "v"}, dict.fromkeys(parts, "application/x-any"))
    back = stored(request, tmp_path_factory.mktemp("stored") / "one")
    assert back == request
    assert [type(value) for value in back.parts.values()] == [type(v) for v in parts.values()]


def test_numbers_that_json_lacks_come_back(tmp_path):
    back = stored(Request({"body": [math.nan, math.inf, -math.inf, -0.0]}), tmp_path / "one")
    nan, *others, zero = back.parts["body"]
    assert math.isnan(nan)
    assert others == [math.inf, -math.inf]
    assert math.copysign(1, zero) == -1


def test_a_request_without_parts_or_content_types_comes_back(tmp_path):
    assert stored(Request({}), tmp_path / "none") == Request({})
    assert stored(Request({"body": b"x"}), tmp_path / "untyped") == Request({"body": b"x"})


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4))),
        np.zeros((0, 3), np.float16),
        np.array(2.5, ">f4"),
        np.array(["a", "bö"]),
        np.array(["2024-02-29"], "datetime64[D]"),
    ],
    ids=lambda array: array.dtype.str,
)
def test_an_array_comes_back_with_its_type_and_order(tmp_path, array):
    back = stored(Request({"body": array}), tmp_path / "one").parts["body"]
    np.testing.assert_array_equal(back, array)
    assert (back.dtype, back.shape, back.flags.f_contiguous) == (
        array.dtype,
        array.shape,
        array.flags.f_contiguous,
    )
    assert back.flags.writeable
    assert np.load(tmp_path / "one/body.npy", allow_pickle=False).shape == array.shape


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.complex64, torch.bool, torch.int64],
)
def test_a_tensor_comes_back_bit_by_bit(tmp_path, dtype):
    tensor = torch.tensor([[0.5, -2, 0], [1, 3, 100]]).to(dtype).t()
    back = stored(Request({"body": tensor}), tmp_path / "one").parts["body"]
    assert (back.dtype, back.shape) == (dtype, tensor.shape)
    assert back.contiguous().view(torch.uint8).equal(tensor.contiguous().view(torch.uint8))


def test_a_tensor_with_gradients_is_kept_without_them(tmp_path):
    tensor = torch.ones(2, requires_grad=True)
    back = stored(Request({"body": tensor}), tmp_path / "one").parts["body"]
    assert back.tolist() == [1, 1]
    assert not back.requires_grad


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "a"},
        {"a": [object()]},
        [np.float32(1)],
        [torch.ones(1)],
        np.array([None]),
        torch.ones(2).to_sparse(),
        torch.empty(2, device="meta"),
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_come_back_as_something_else_is_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(SampleError, match=r"the part 'body' cannot be stored: .* cannot be kept"):
        write_request(Request({"body": value}), tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def test_names_that_folders_do_not_hold_side_by_side_get_files_of_their_own(tmp_path):
    names = ["../../evil", "a/b", "a_b", "A_B", "", "con", "request", "x" * 500]
    request = Request({name: {"of": name} for name in names})
    assert stored(request, tmp_path / "one") == request
    files = [part["file"] for part in described(tmp_path / "one")["parts"]]
    assert len({file.casefold() for file in files} | {"request.json"}) == len(names) + 1
    assert {path.name for path in (tmp_path / "one").iterdir()} == {*files, "request.json"}


def test_something_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "one").mkdir()
    with pytest.raises(SampleError, match="is there already"):
        write_request(Request({"body": "x"}), tmp_path / "one")
    assert list((tmp_path / "one").iterdir()) == []


def test_a_folder_that_cannot_be_made_says_so_and_leaves_nothing_behind(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("no folder")
    with pytest.raises(SampleError, match="cannot be written"):
        write_request(Request({"body": "x"}), blocker / "one")
    assert list(tmp_path.iterdir()) == [blocker]


def test_a_single_file_is_a_request_with_that_body(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(JPEG)
    (tmp_path / "cat.json").write_text('{"a": 1}')
    (tmp_path / "cat.txt").write_text("miaow")
    for name in ("cat.jpg", "cat.json", "cat.txt"):
        assert read_request(tmp_path / name) == Request.sent(tmp_path / name)


def test_the_description_stands_for_its_folder(tmp_path):
    write_request(Request({"body": "x"}), tmp_path / "one")
    assert read_request(tmp_path / "one/request.json").parts == {"body": "x"}


def test_a_part_written_by_hand_is_what_the_worker_makes_of_it(tmp_path):
    parts = [
        {"name": "data", "content_type": "application/json", "file": "d.json"},
        {"name": "text", "content_type": "text/plain; charset=utf-8", "file": "t.txt"},
        {"name": "image", "file": "cat.jpg"},
    ]
    files = {"d.json": b"[1, 2]", "t.txt": "ü".encode(), "cat.jpg": JPEG}
    request = read_request(folder_of(tmp_path / "one", parts, files))
    assert request.parts == {"data": [1, 2], "text": "ü", "image": bytearray(JPEG)}
    assert request.content_types.keys() == {"data", "text"}


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("../secret.txt", "leaves the archive's folder"),
        ("/etc/passwd", "is absolute"),
        ("C:secret", "begins with a drive"),
        ("..\\secret.txt", "leaves the archive's folder"),
        ("sub/secret.txt", "is in another folder"),
        ("Request.json", "describes the request"),
        ("", "empty name"),
        ("a\0b", "NUL"),
        ("gone.txt", "is not there"),
        (".body.txt", "is hidden"),
        (".", "'.'"),
    ],
)
def test_a_file_that_leads_elsewhere_or_is_not_there_is_refused(tmp_path, file, complaint):
    (tmp_path / "secret.txt").write_text("secret")
    folder = folder_of(tmp_path / "one", [{"name": "body", "file": file}])
    with pytest.raises(SampleError, match=r"request\.json") as caught:
        read_request(folder)
    assert complaint in str(caught.value)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = folder_of(tmp_path / "one", [{"name": "body", "file": "body.txt"}])
    (folder / "body.txt").symlink_to("../secret.txt")
    with pytest.raises(SampleError, match="is a link out of its folder"):
        read_request(folder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "must hold an object"),
        ('{"version": 2, "parts": []}', "is of version 2; known is 1"),
        ('{"version": 1}', "'parts' must be a list"),
        ('{"version": 1, "parts": {}}', "'parts' must be a list"),
        ('{"version": 1, "parts": [1]}', "a part must be an object"),
        ('{"version": 1, "parts": [{"name": "a"}]}', "with 'name' and 'file'"),
        ('{"version": 1, "parts": [{"name": 1, "file": "a"}]}', "must be text"),
        ('{"version": 1, "parts": [{"name": null, "file": "a"}]}', "must be text"),
        ('{"version": 1, "parts": [{"name": "a", "file": "a", "typ": "b"}]}', "unknown key 'typ'"),
        ('{"version": 1, "parts": [], "header": {}}', "unknown key 'header'"),
        ('{"version": 1, "parts": [], "headers": {"a": 1}}', "'headers' must be"),
        (" " * (1 << 20) + "{}", "bytes; it may have"),
    ],
)
def test_a_description_that_is_none_is_refused(tmp_path, text, complaint):
    (tmp_path / "request.json").write_text(text)
    with pytest.raises(SampleError, match=r"request\.json") as caught:
        read_request(tmp_path)
    assert complaint in str(caught.value)


def test_two_parts_of_one_name_are_refused(tmp_path):
    parts = [{"name": "a", "file": "a.txt"}, {"name": "a", "file": "b.txt"}]
    with pytest.raises(SampleError, match="two parts have one name"):
        read_request(folder_of(tmp_path / "one", parts, {"a.txt": b"", "b.txt": b""}))


@pytest.mark.parametrize(
    ("said", "content", "complaint"),
    [
        ({"kept_as": "json"}, b"{", "the content is no json"),
        ({"kept_as": "text"}, b"\xff", "the content is no text"),
        ({"kept_as": "pickle"}, b"", "cannot be kept as 'pickle'"),
        ({"kept_as": "array"}, b"x", "the content is no array"),
        ({"kept_as": "tensor", "dtype": "bfloat16"}, None, "is kept as uint16"),
        ({"kept_as": "tensor", "dtype": "load"}, None, "type cannot be 'load'"),
        ({"kept_as": "tensor", "dtype": "float8_none"}, None, "type cannot be 'float8_none'"),
    ],
)
def test_content_that_is_not_what_it_is_said_to_be_is_refused(tmp_path, said, content, complaint):
    np.save(tmp_path / "numbers.npy", np.ones(2, np.float32))
    content = (tmp_path / "numbers.npy").read_bytes() if content is None else content
    part = {"name": "body", "file": "b", **said}
    with pytest.raises(SampleError, match="the part 'body'") as caught:
        read_request(folder_of(tmp_path / "one", [part], {"b": content}))
    assert complaint in str(caught.value)


def test_an_array_of_absurd_size_or_of_objects_is_refused_before_memory_is_taken(tmp_path):
    for number, dtype in enumerate(("'<f8'", "'|O'")):
        header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': (1 << 60,), }}"
        header = header.replace("1 << 60", str(1 << 60)).encode().ljust(117) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        part = {"name": "body", "file": "b.npy", "kept_as": "array"}
        folder = folder_of(tmp_path / str(number), [part], {"b.npy": content})
        with pytest.raises(SampleError, match=r"damaged|Python objects"):
            read_request(folder)


def test_a_file_of_absurd_size_is_refused_before_it_is_read(tmp_path):
    folder = folder_of(tmp_path / "one", [{"name": "body", "file": "b.bin"}])
    with (folder / "b.bin").open("wb") as file:
        file.truncate(sample_files.LARGEST_BYTES + 1)  # a hole, which takes no room
    with pytest.raises(SampleError, match="may have 268,435,456"):
        read_request(folder)


def test_parts_of_absurd_size_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_files, "LARGEST_BYTES", 1000)
    parts = [{"name": str(number), "file": "b.bin"} for number in range(4)]
    assert len(read_request(folder_of(tmp_path / "a", parts[:3], {"b.bin": bytes(300)})).parts) == 3
    with pytest.raises(SampleError, match="together has 1,200 bytes; a request may have 1,000"):
        read_request(folder_of(tmp_path / "b", parts, {"b.bin": bytes(300)}))


def test_what_would_be_too_large_to_be_read_is_not_written(tmp_path, monkeypatch):
    with pytest.raises(SampleError, match=r"request\.json has .* bytes; it may have"):
        write_request(Request({}, {"X-Long": "x" * (1 << 20)}), tmp_path / "one")
    monkeypatch.setattr(sample_files, "LARGEST_BYTES", 1000)
    with pytest.raises(SampleError, match="a request may have 1,000"):
        write_request(Request({"a": bytes(600), "b": bytes(600)}), tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def test_a_single_file_may_be_a_link(tmp_path):
    (tmp_path / "samples").mkdir()
    (tmp_path / "cat.jpg").write_bytes(JPEG)
    (tmp_path / "samples/cat.jpg").symlink_to("../cat.jpg")
    assert read_request(tmp_path / "samples/cat.jpg").parts == {"body": JPEG}


def test_what_is_no_request_says_so(tmp_path):
    with pytest.raises(SampleError, match=r"request.json is not there"):
        read_request(tmp_path)
    with pytest.raises(SampleError, match="gone is not there"):
        read_request(tmp_path / "gone")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SampleError, match="is not valid JSON"):
        read_request(tmp_path / "bad.json")


@pytest.mark.parametrize(
    "request_",
    [Request({1: "a"}), Request({}, {"a": 1}), Request({"a": ""}, {}, {"b": "c"})],
)
def test_what_the_description_cannot_say_is_refused(tmp_path, request_):
    with pytest.raises(SampleError, match=r"must be text|no such part"):
        write_request(request_, tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def test_reading_and_writing_requests_of_bytes_and_json_loads_no_torch(tmp_path):
    code = f"""
import sys
from pathlib import Path
from ts_sdk.samples.stored import Request, read_request, write_request
write_request(Request({{"body": bytearray(b"x"), "more": [1]}}), Path({str(tmp_path)!r}) / "one")
assert read_request(Path({str(tmp_path)!r}) / "one").parts == {{"body": b"x", "more": [1]}}
sys.exit("torch" in sys.modules or "numpy" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

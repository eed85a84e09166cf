"""What arrives in a row: content types, multipart parts, headers, and what decoding is refused."""

import json

from torchserve_corpus.case import Case, Sent, binary, form, sent, text, value

SHOWS_ROWS = """
def shown(value):
    kind = type(value).__name__
    if isinstance(value, (bytes, bytearray)):
        return [kind, len(value), value[:256].hex()]
    return [kind, value]


def handle(data, context):
    if data is None:
        return None
    return [{"row": type(row).__name__, "parts": {name: shown(row[name]) for name in row}}
            for row in data]
"""

SHOWS_HEADERS = """
def handle(data, context):
    if data is None:
        return None
    return [
        {
            "all": context.get_all_request_header(index),
            "one": context.get_request_header(index, "x-tenant"),
            "case": context.get_request_header(index, "X-Tenant"),
            "body": context.get_request_header(index, "body"),
            "processor": context.request_processor[index].get_request_property("x-tenant"),
            "type": type(context.get_all_request_header(index)).__name__,
        }
        for index in range(len(data))
    ]
"""

SHOWS_IDS = """
def handle(data, context):
    if data is None:
        return None
    ids = [context.get_request_id(index) for index in range(len(data))]
    return [
        {
            "known": ids == list(context.request_ids.values()),
            "counted": list(context.request_ids),
            "different": len(set(ids)),
            "first": context.get_request_id() == ids[0],
            "beyond": context.get_request_id(99),
            "type": type(ids[index]).__name__,
            "processors": [type(each).__name__ for each in context.request_processor],
        }
        for index in range(len(data))
    ]
"""

CONTENTS: dict[str, Sent] = {
    "JSON object": value({"instances": [1, 2.5, None, True], "näme": {"b": "ß"}}),
    "JSON list": value([[1, 2], [3, 4]]),
    "JSON number": value(7),
    "JSON text": value("seven"),
    "JSON null": value(None),
    "JSON with NaN": sent("[NaN, Infinity]", "application/json"),
    "JSON with a large number": sent(str(2**70), "application/json"),
    "JSON with a name twice": sent('{"a": 1, "a": 2}', "application/json"),
    "JSON in front of which a byte order mark stands": sent("\ufeff[1]", "application/json"),
    "JSON with more behind it": sent("[1] [2]", "application/json"),
    "JSON that is none": sent("{'a': 1}", "application/json"),
    "JSON that is nothing": sent("", "application/json"),
    "JSON that is no UTF-8": sent(b'"\xff"', "application/json"),
    "JSON nested too deeply": sent("[" * 100_000 + "]" * 100_000, "application/json"),
    "JSON with a charset": sent("[1]", "application/json; charset=utf-8"),
    "JSON in capitals": sent("[1]", "Application/JSON"),
    "JSON of another kind": sent("[1]", "application/vnd.api+json"),
    "text": text("Grüße\r\n"),
    "text that is nothing": text(""),
    "text with a charset": sent("Grüße", "text/plain; charset=utf-8"),
    "text in Latin-1": sent("Grüße".encode("latin-1"), "text/plain; charset=iso-8859-1"),
    "csv": sent("a,b\n1,2", "text/csv"),
    "html": sent("<b>bold</b>", "text/html"),
    "text in capitals": sent("a", "TEXT/PLAIN"),
    "json as text": sent("[1]", "text/json"),
    "bytes": binary(bytes(range(256))),
    "no bytes": binary(b""),
    "a picture": sent(b"\xff\xd8\xff", "image/jpeg"),
    "a form": sent("a=1&b=2", "application/x-www-form-urlencoded"),
    "no content type": sent("a", ""),
}

FORM = form(
    ("image", "image/png", b"\x89PNG"),
    ("prompt", "text/plain", b"a cat"),
    ("options", "application/json", json.dumps({"steps": 3}).encode()),
    ("target", "", b"2"),
    ("data", "application/octet-stream", b"12"),
)


def cases() -> list[Case]:
    """One batch for each way to decode, one for each source of headers."""
    rows = {"handler.py": SHOWS_ROWS}
    headers = {"handler.py": SHOWS_HEADERS}
    mixed = [[CONTENTS["JSON object"], CONTENTS["text"], CONTENTS["bytes"], FORM]]
    of_types = [Case(f"rows: {name}", rows, [[request]]) for name, request in CONTENTS.items()]
    switches = [
        Case(
            f"rows: TS_DECODE_INPUT_REQUEST={word or 'nothing'}",
            rows,
            mixed,
            environment={"TS_DECODE_INPUT_REQUEST": word},
        )
        for word in ("false", "true", "False", "1", "")
    ]
    return [
        *of_types,
        Case("rows: a multipart form", rows, [[FORM]]),
        Case("rows: a part named data", rows, [[text("x"), value([1], "data")]]),
        Case("rows: kinds of rows in one batch", rows, mixed),
        *switches,
        Case("rows: no parts", rows, [[Sent(())]]),
        Case("headers: of a form", headers, [[FORM.having(**{"x-tenant": "acme"})]]),
        Case(
            "headers: of each request of a batch",
            headers,
            [[text("a").having(**{"x-tenant": "a"}), value(1).having(**{"X-Tenant": "b"})]],
        ),
        Case("headers: one named as a part", headers, [[text("a").having(body="mine")]]),
        Case("headers: none", headers, [[binary(b"")]]),
        Case("rows: request ids", {"handler.py": SHOWS_IDS}, [[text("a")], [text("b"), text("c")]]),
    ]

"""What ``redact`` takes out is in no file, and it never breaks a prediction."""

import dataclasses
import logging

import pytest

from ts_sdk import Request, RequestError
from ts_sdk.recording import read_recorded

QUOTING = """
    def handle(data, context):
        return data and [answer(row["body"], context) for row in data]

    def answer(body, context):
        token = context.get_request_header(0, "X-Token")
        if body.get("fail"):
            raise ValueError(f"no answer for {body['name']}, who has {token}")
        return {"hello": body["name"], "with": token}
"""
ADA = {"name": "Ada Lovelace", "fail": True}


def without_name(request):
    parts = {"body": {**request.parts["body"], "name": "..."}}
    return dataclasses.replace(request, parts=parts)


def written(folder):
    """All that stands in the files of a recording."""
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_what_is_returned_is_kept(load, folder):
    load(QUOTING, settings={"redact": without_name}).predict_batch([ADA])
    (each,) = read_recorded(folder)
    assert each.request().parts["body"] == {"name": "...", "fail": True}
    assert each.redacted is True


def test_the_error_s_message_does_not_tell_what_was_taken_out(load, folder):
    """Its message quotes the name; what stays is its class and where it came from."""
    (outcome,) = load(QUOTING, settings={"redact": without_name}).predict_batch([ADA])
    assert "Ada" in outcome.message
    assert "Ada" not in written(folder)
    failure = read_recorded(folder)[0].failure
    assert (failure.status, failure.raised, failure.message) == (503, "ValueError", None)
    assert failure.place == "handler.py:8 in answer"
    assert 'handler.py", line 8, in answer' in failure.traceback


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_nor_does_the_answer(load, folder, isolation):
    settings = {"redact": without_name, "keep": "all"}
    model = load(QUOTING, settings=settings, isolation=isolation)
    assert model.predict({"name": "Ada"}) == {"hello": "Ada", "with": None}
    assert "Ada" not in written(folder)
    (each,) = read_recorded(folder)
    assert (each.failure, each.has_answer) == (None, False)


def test_changing_the_request_in_place_is_noticed_too(load, folder):
    def redact(request):
        request.parts["body"]["name"] = "..."
        return request

    given = dict(ADA)
    load(QUOTING, settings={"redact": redact}).predict_batch([given])
    assert given == ADA
    assert "Ada" not in written(folder)


def test_what_is_left_as_it_is_keeps_its_message(load, folder):
    load(QUOTING, settings={"redact": lambda request: request}).predict_batch([ADA])
    (each,) = read_recorded(folder)
    assert "Ada" in each.failure.message
    assert each.redacted is False


def test_none_keeps_nothing(load, folder):
    load(QUOTING, settings={"redact": lambda _: None}).predict_batch([ADA])
    assert list(folder.iterdir()) == []


def test_a_header_that_is_taken_out_is_in_no_text(load, folder):
    def redact(request):
        return dataclasses.replace(request, headers={})

    model = load(QUOTING, settings={"redact": redact, "keep": "all"})
    given = [
        Request.sent({"name": "Ada", "fail": fail}, headers={"X-Token": "hush-4711"})
        for fail in (True, False)
    ]
    for each in given:
        model.predict_batch([each])
    assert "hush-4711" not in written(folder)
    failed, answered = read_recorded(folder)
    assert "no answer for Ada, who has [left out]" in failed.failure.message
    assert answered.has_answer is False


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Proxy-Authorization"])
def test_credentials_are_never_kept_nor_given_to_redact(load, folder, name):
    seen = []

    def redact(request):
        seen.append(dict(request.headers))
        return request

    handler = QUOTING.replace("X-Token", name)
    request = Request.sent({"name": "Ada", "fail": 1}, headers={name: "hush-4711", "X-A": "1"})
    load(handler, settings={"redact": redact}).predict_batch([request])
    assert seen == [{"X-A": "1"}]
    assert "hush-4711" not in written(folder)


@pytest.mark.parametrize(
    "redact",
    [lambda _: 1 / 0, lambda request: request.parts, lambda request: request.parts["missing"]],
    ids=["raises", "returns something else", "fails on this request"],
)
def test_one_that_fails_keeps_nothing_and_says_so_once(load, folder, caplog, redact):
    model = load(QUOTING, settings={"redact": redact})
    with caplog.at_level(logging.WARNING, "ts_sdk.recording"):
        outcomes = model.predict_batch([ADA, {"name": "Bo", "fail": 1}, {"name": "Cy"}])
    assert isinstance(outcomes[0], RequestError)
    assert outcomes[2] == {"hello": "Cy", "with": None}
    assert list(folder.iterdir()) == []
    (record,) = caplog.records
    assert record.message.startswith("requests are not recorded: redact raised ")
    assert ".py:" in record.message


def test_what_its_error_says_is_not_logged(load, caplog):
    def redact(request):
        raise ValueError(f"cannot redact {request.parts['body']}")

    load(QUOTING, settings={"redact": redact}).predict_batch([ADA])
    assert "redact raised ValueError" in caplog.text
    assert "Ada" not in caplog.text


def test_it_is_asked_of_requests_that_are_kept_only(load):
    seen = []

    def redact(request):
        seen.append(request.parts["body"]["name"])

    load(QUOTING, settings={"redact": redact}).predict_batch([ADA, {"name": "Cy"}])
    assert seen == ["Ada Lovelace"]

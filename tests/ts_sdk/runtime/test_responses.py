"""A response is the same whether the handler runs here or in a process of its own."""

import pytest

import ts_sdk

HANDLER = """
def handle(data, context):
    if data is None:
        return None
    for index, row in enumerate(data):
        if row["body"] == "refused":
            context.set_response_status(400, "Bad", index)
        elif row["body"] == "failed":
            raise ValueError("it failed")
    context.set_response_content_type(0, "text/plain")
    return [None if row["body"] == "refused" else row["body"] for row in data]
"""


@pytest.mark.parametrize("body", ["answered", "refused", "failed"])
def test_it_is_the_same_in_a_process(load_folder, body):
    here = load_folder({"handler.py": HANDLER})
    response = here.respond(body)
    with ts_sdk.load(here.path, device="cpu", isolation="process") as there:
        other = there.respond(body)
    fields = ("status", "phrase", "headers", "body")
    assert [getattr(other, name) for name in fields] == [getattr(response, name) for name in fields]
    assert str(other.error) == str(response.error)

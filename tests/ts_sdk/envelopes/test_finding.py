"""Finding the envelope that a manifest names."""

import pytest

from ts_sdk import HandlerLoadError
from ts_sdk.envelopes import (
    BodyEnvelope,
    JSONEnvelope,
    KServeEnvelope,
    KServev2Envelope,
    find_envelope,
)

OWN = """
    import codecs
    from ts_sdk.envelopes import BaseEnvelope, JSONEnvelope

    class Common(BaseEnvelope):
        def parse_input(self, data): return [row["body"] for row in data]

    class Rot13(Common):
        def format_output(self, data): return [codecs.encode(each, "rot13") for each in data]
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("body", BodyEnvelope),
        ("json", JSONEnvelope),
        ("kserve", KServeEnvelope),
        ("kservev2", KServev2Envelope),
        ("kfserving", KServeEnvelope),
        ("kfservingv2", KServev2Envelope),
    ],
)
def test_the_names_of_torchserve_old_and_new(name, expected):
    assert find_envelope(name) is expected


def test_a_misspelt_name_says_which_one_was_probably_meant():
    with pytest.raises(HandlerLoadError, match=r"no envelope 'kserv'; did you mean 'kserve'\?"):
        find_envelope("kserv")


def test_a_name_like_no_other_lists_what_there_is():
    with pytest.raises(HandlerLoadError, match=r"'x' \(there are body, json, kserve, kservev2"):
        find_envelope("x")


@pytest.mark.parametrize("name", ["rot13", "rot13.py"])
def test_a_file_of_the_archive_may_define_one(code_of, context_of, name):
    code = code_of({"rot13.py": OWN})
    with code.starting():
        envelope = find_envelope(name, code)(lambda data, _: data)
    assert envelope.handle([{"body": "uryyb"}], context_of({})) == ["hello"]


def test_a_file_of_the_archive_does_not_replace_an_envelope_of_that_name(code_of):
    code = code_of({"json.py": OWN})
    with code.starting():
        assert find_envelope("json", code) is JSONEnvelope


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import absent_package", r"importing the envelope own\.py failed: .*absent_package"),
        ("from ts_sdk.envelopes import JSONEnvelope", "must define one envelope.* defines none"),
        (f"{OWN}\n    class Other(Common): pass", "it defines Rot13, Other"),
    ],
)
def test_a_file_that_defines_not_exactly_one_says_so(code_of, source, told):
    code = code_of({"own.py": source})
    with code.starting(), pytest.raises(HandlerLoadError, match=told):
        find_envelope("own", code)

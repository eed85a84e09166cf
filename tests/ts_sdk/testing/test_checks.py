"""Each promise bites: handlers made to break it are caught, by exactly the checks they break."""

import logging
import tempfile
from pathlib import Path

import pytest
import torch
from broken_handlers import REQUESTS, Broken, BrokenFolder, answers, small_net, surroundings

from ts_sdk import BaseHandler, ConfigError, Request
from ts_sdk.testing import (
    CHECKS,
    CheckSkipped,
    Expectations,
    HandlerCase,
    HandlerSource,
    PromiseBroken,
    parametrize_checks,
    run_checks,
)

CHECK = {check.name: check for check in CHECKS}
BROKEN: tuple[Broken | BrokenFolder, ...] = (*answers.BROKEN, *surroundings.BROKEN)

SLOW = "importing_has_no_side_effects"
"""It starts a process, which is the same for all classes of a file."""


@pytest.fixture(autouse=True)
def _the_checkout_is_in_no_temporary_folder(tmp_path, monkeypatch):
    """What handlers may write to: the checkout, which they write to here, may itself be in /tmp."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def _what_they_set_is_set_back():
    dtype, level, handlers = torch.get_default_dtype(), logging.root.level, logging.root.handlers[:]
    yield
    torch.set_default_dtype(dtype)
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_a_broken_handler_is_caught_by_exactly_the_promises_it_breaks(broken):
    caught = {}
    with broken.case() as case:
        for check in CHECKS:
            if (check.deep or check.name == SLOW) and check.name not in broken.breaks:
                continue
            try:
                check(case)
            except CheckSkipped:
                pass
            except PromiseBroken as error:
                caught[check.name] = str(error)
    assert caught.keys() == broken.breaks.keys(), "\n\n".join(caught.values())
    for name, expected in broken.breaks.items():
        assert expected in caught[name]


def test_every_promise_is_broken_by_some_handler():
    all_broken = (*BROKEN, answers.ON_CUDA)
    assert {name for each in all_broken for name in each.breaks} == {each.name for each in CHECKS}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_an_answer_that_depends_on_the_device_is_caught():
    with answers.ON_CUDA.case() as case, pytest.raises(PromiseBroken, match="on CUDA"):
        CHECK["devices_agree"](case)


def test_a_good_handler_keeps_every_promise():
    with HandlerCase(HandlerSource(BaseHandler, model=small_net()), REQUESTS) as case:
        report = run_checks(case, deep=True)
    assert report.passed, "\n\n".join(each.message for each in report.failures)
    assert report.count("kept") > len(CHECKS) // 2


def test_what_goes_to_a_logger_that_nobody_has_set_up_is_not_printed():
    class Logs(BaseHandler):
        def postprocess(self, data):
            logging.getLogger("of a handler").warning("a batch of %d", len(data))
            return data.tolist()

    logging.root.handlers[:] = []
    with HandlerCase(HandlerSource(Logs, model=small_net()), REQUESTS) as case:
        CHECK["nothing_is_printed"](case)


def test_a_declared_failure_is_expected_and_one_that_is_mended_is_not():
    expectations = Expectations(
        expected_failures={"answers_are_finite": "it divides by zero", "answers_can_be_sent": "?"}
    )
    source = HandlerSource(answers.AnswersWithNan, model=small_net())
    with HandlerCase(source, REQUESTS, expectations=expectations) as case:
        report = run_checks(case, only=["answers_are_finite", "answers_can_be_sent"])
    finite, sent = sorted(report.results, key=lambda result: result.verdict)
    assert (finite.verdict, finite.message) == ("expected", "it divides by zero")
    assert sent.verdict == "unexpected"
    assert "take it out of expected_failures" in sent.message
    assert not report.passed


def test_a_check_that_does_not_exist_is_named_with_the_nearest():
    with (
        HandlerCase(HandlerSource(BaseHandler, model=small_net()), REQUESTS) as case,
        pytest.raises(ValueError, match="did you mean 'answers_are_finite'"),
    ):
        run_checks(case, only=["answers_are_infinite"])


@pytest.mark.parametrize("one", ["good", b"good", {"a": 1}, Path("a.jpg"), Request({"body": "a"})])
@pytest.mark.parametrize("name", ["requests", "bad_requests"])
def test_one_request_in_place_of_a_list_is_refused(name, one):
    with pytest.raises(TypeError, match=f"^{name} is a list of requests: give .* in it"):
        HandlerCase(HandlerSource(BaseHandler), **{name: one})


def test_one_name_in_place_of_a_list_is_refused():
    case = HandlerCase(HandlerSource(BaseHandler))
    message = r"only is a list of checks' names: give \['no_network_is_used'\]"
    with pytest.raises(TypeError, match=message):
        run_checks(case, only="no_network_is_used")
    with pytest.raises(TypeError, match=message):
        parametrize_checks(BaseHandler, only="no_network_is_used")


def test_without_requests_what_needs_them_is_skipped():
    with HandlerCase(HandlerSource(BaseHandler, model=small_net())) as case:
        report = run_checks(case)
    skipped = [each for each in report.results if each.verdict == "skipped"]
    assert {each.check.name for each in skipped} >= {
        each.name for each in CHECKS if each.needs_requests and not each.deep
    }


def test_what_an_archive_s_config_declares_is_taken():
    folder = BrokenFolder(
        "declares", {}, surroundings._HANDLER, config={"testing": {"deterministic": False}}
    )
    with folder.case() as case:
        assert case.expectations.deterministic is False


def test_a_wrong_declaration_is_told_with_all_its_problems():
    section = {"deterministc": False, "precisions": ["half"], "expected_failures": ["x"]}
    folder = BrokenFolder("declares", {}, surroundings._HANDLER, config={"testing": section})
    with folder.case() as case, pytest.raises(ConfigError) as caught:
        _ = case.expectations
    assert len(caught.value.problems) == 3
    assert "did you mean deterministic" in str(caught.value)


def test_a_message_says_what_was_seen_what_is_promised_and_what_to_change():
    with answers.BROKEN[0].case() as case, pytest.raises(PromiseBroken) as caught:
        CHECKS[0](case)
    seen, promise, repair = str(caught.value).splitlines()
    assert seen == "one_answer_per_request: request 0 of a batch of 1 got no answer, but None"
    assert promise == "The promise: Each request gets one answer, in order."
    assert repair.startswith("Return from handle() a list with one answer for each row of data")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_promise_is_a_sentence_with_advice(check):
    assert check.promise.endswith(".")
    assert len(check.repair) > len("Do it.")

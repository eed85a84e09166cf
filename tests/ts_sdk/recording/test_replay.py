"""`replay` asks recorded requests again, and says what has become of them."""

import pytest

from ts_sdk import RequestError
from ts_sdk.recording import RecordedFailure, Verdict, read_recorded, replay

STRICT = """
    def handle(data, context):
        return data and [answer(row["body"], context, index) for index, row in enumerate(data)]

    def answer(body, context, index):
        if body == "":
            context.set_response_status(400, "it is empty", index)
            return None
        return {"length": len(body), "half": 1 / int(body)}
"""


@pytest.fixture
def record(load, folder):
    """Record bodies with the strict handler, one batch."""

    def recording(*bodies, handler=STRICT, **settings):
        load(handler, settings=settings or None, name="old").predict_batch(bodies)
        return folder

    return recording


@pytest.fixture
def verdicts(load_folder, folder):
    """What becomes of the requests with another handler, by their body."""

    def replaying(handler, **options):
        model = load_folder({"handler.py": handler}, name="new", **options)
        return {str(e.recorded.request().parts["body"]): e.verdict for e in replay(folder, model)}

    return replaying


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_a_failure_is_the_same_wherever_the_handler_runs(record, verdicts, isolation):
    record("", "zero", "0")
    moved = "\n\n\n" + STRICT.replace("def answer", "# a comment\n    def answer")
    assert verdicts(moved, isolation=isolation) == {
        "": Verdict.SAME_FAILURE,
        "zero": Verdict.SAME_FAILURE,
        "0": Verdict.SAME_FAILURE,
    }


def test_what_is_answered_now_is_fixed(record, verdicts):
    record("zero", "0")
    handler = "def handle(data, context): return data and ['well'] * len(data)"
    assert set(verdicts(handler).values()) == {Verdict.FIXED}


def test_another_error_message_or_status_is_another_failure(record, verdicts):
    record("0", "zero", "")
    handler = STRICT.replace("1 / int(body)", "{}[body]").replace("it is empty", "too short")
    assert verdicts(handler) == dict.fromkeys(["0", "zero", ""], Verdict.OTHER_FAILURE)


def test_answers_are_compared_within_the_tolerance(record, verdicts):
    record("3", "4", keep="all")
    assert verdicts(STRICT) == {"3": Verdict.EQUAL, "4": Verdict.EQUAL}
    assert verdicts(STRICT.replace("1 /", "1.000001 /")) == {
        "3": "answer equal",
        "4": "answer equal",
    }
    assert verdicts(STRICT.replace("1 /", "1.01 /")) == {
        "3": "answer differs",
        "4": "answer differs",
    }


def test_a_difference_says_where_it_is(record, load_folder, folder):
    record("3", keep="all")
    model = load_folder({"handler.py": STRICT.replace("len(body)", "2")}, name="new")
    (replayed,) = replay(folder, model)
    assert replayed.differences[0].startswith("$.length: got 2, expected 1")
    assert not replayed.is_good


def test_what_was_answered_and_fails_now_is_told(record, verdicts):
    record("3", keep="all")
    assert verdicts("def handle(data, context): return data and [1 / 0]") == {"3": Verdict.BROKEN}


def test_without_the_answer_being_answered_is_enough(record, verdicts):
    record(["a"], handler="def handle(data, context): return data and [object()]", keep="all")
    handler = "def handle(data, context): return data and [3]"
    assert list(verdicts(handler).values()) == [Verdict.ANSWERED]


def test_each_request_is_asked_by_itself(record, load_folder, folder):
    record("0", "0", "0")
    sizes = """
        def handle(data, context):
            return data and [len(data)] * len(data)
    """
    model = load_folder({"handler.py": sizes}, name="new")
    assert [each.outcome for each in replay(folder, model)] == [1, 1, 1]
    assert [each.recorded.batch_size for each in replay(folder, model)] == [3, 3, 3]


def test_an_answer_that_is_an_error_comes_with_what_is_known_of_it(record, load_folder, folder):
    record("0")
    model = load_folder({"handler.py": STRICT}, name="new")
    (replayed,) = replay(folder, model)
    assert isinstance(replayed.outcome, RequestError)
    assert str(replayed.failure) == "503 ZeroDivisionError (handler.py:9 in answer)"


def test_answers_as_pictures_are_compared_by_their_pixels(record, verdicts):
    picture = """
        import io
        from PIL import Image

        def handle(data, context):
            if data:
                file = io.BytesIO()
                Image.new("RGB", (8, 8), (90, 0, 0)).save(file, "PNG", compress_level=LEVEL)
                return [file.getvalue()]
    """
    record("3", handler=picture.replace("LEVEL", "0"), keep="all")
    assert verdicts(picture.replace("LEVEL", "9")) == {"3": Verdict.EQUAL}
    other = picture.replace("LEVEL", "9").replace("90", "190")
    assert verdicts(other) == {"3": Verdict.DIFFERS}


class TestTheSameFailure:
    def test_of_a_killed_process_does_not_depend_on_the_batch(self):
        one = RecordedFailure(500, "WorkerError", message="the process died over 1 request; a")
        two = RecordedFailure(500, "WorkerError", message="the process died over 2 requests; a")
        assert one.is_like(two)

    def test_ignores_addresses(self):
        one, two = (
            RecordedFailure(503, "RequestError", "TypeError", f"no <object at {address}>")
            for address in ("0x7f00", "0x7f11")
        )
        assert one.is_like(two)

    def test_without_a_message_goes_by_status_and_class(self):
        redacted = RecordedFailure(503, "RequestError", "KeyError")
        assert redacted.is_like(RecordedFailure(503, "RequestError", "KeyError", "no 'a'"))
        assert not redacted.is_like(RecordedFailure(503, "RequestError", "ValueError", "no 'a'"))
        assert not redacted.is_like(RecordedFailure(500, "RequestError", "KeyError", "no 'a'"))

    def test_comes_back_from_json(self, load, folder):
        load().predict_batch(["raise"])
        (each,) = read_recorded(folder)
        assert RecordedFailure.from_dict(each.failure.to_dict()) == each.failure

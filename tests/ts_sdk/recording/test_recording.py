"""``load(..., record=...)`` keeps requests with what became of them, and changes no answer."""

import datetime as dt
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import archiver
import ts_sdk
from ts_sdk import Recording, Request, RequestError
from ts_sdk.recording import RecordingError, read_recorded
from ts_sdk.samples import read_samples

ISOLATIONS = ["archive", "process"]


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("isolation", ISOLATIONS)
class TestWhatIsKept:
    def test_failing_requests_and_no_others(self, load, kept, isolation):
        model = load(isolation=isolation)
        outcomes = model.predict_batch(["well", "raise", "reject"])
        assert outcomes[0] == {"said": "well"}
        assert sorted(kept()) == ['"raise"', '"reject"']

    def test_all_requests_with_their_answers(self, load, kept, isolation):
        load(settings={"keep": "all"}, isolation=isolation).predict_batch(["well", "raise"])
        answered = kept()['"well"']
        assert (answered.has_answer, answered.answer) == (True, {"said": "well"})
        assert answered.failure is None
        assert kept()['"raise"'].failure.status == 503

    def test_where_a_failure_came_from(self, load, kept, isolation):
        load(isolation=isolation).predict_batch(["raise"])
        failure = kept()['"raise"'].failure
        assert (failure.status, failure.kind, failure.raised) == (503, "RequestError", "KeyError")
        assert failure.place == "handler.py:13 in handle"
        assert failure.source == 'raise KeyError("colour")'
        assert failure.message.startswith("the handler failed: KeyError: 'colour' (handler.py:13")
        assert failure.traceback.endswith("KeyError: 'colour'")

    def test_a_rejection_has_its_status_and_reason(self, load, kept, isolation):
        load(isolation=isolation).predict_batch(["reject"])
        failure = kept()['"reject"'].failure
        assert (failure.status, failure.message) == (422, "too dark")
        assert (failure.raised, failure.place, failure.traceback) == (None, None, None)

    def test_a_request_that_its_handler_changes_is_kept_as_it_came(self, load, kept, isolation):
        """The handler takes ``say`` out; only with it the request fails as it did."""
        load(isolation=isolation).predict_batch([{"say": "raise"}])
        assert list(kept()) == ['{"say": "raise"}']

    def test_the_batch_the_model_and_the_time(self, load, kept, isolation):
        before = dt.datetime.now(dt.UTC)
        load(isolation=isolation).predict_batch(["well", "well", "raise"])
        each = kept()['"raise"']
        assert before <= each.time <= dt.datetime.now(dt.UTC)
        assert (each.batch_size, each.position, each.call) == (3, 2, "predict")
        assert (each.model_name, each.model_version) == ("sources", "1.0")
        assert (each.device, each.precision, each.redacted) == ("cpu", "float32", False)

    @pytest.mark.parametrize("call", ["respond", "stream"])
    def test_of_every_call(self, load, kept, isolation, call):
        model = load(isolation=isolation)
        if call == "respond":
            assert model.respond("raise").status == 503
        else:
            with pytest.raises(RequestError):
                list(model.stream("raise"))
        assert kept()['"raise"'].call == call


class TestPhases:
    HANDLER = """
        import torch
        from ts_sdk import BaseHandler

        class Handler(BaseHandler):
            def initialize(self, context): self.model = torch.nn.Identity()
            def preprocess(self, data): return torch.tensor([self.number(row) for row in data])
            def number(self, row): return float(row["body"])
            def postprocess(self, data): return [1 / number for number in data.tolist()]
    """

    def test_the_phase_is_that_of_the_handler_s_method(self, load, kept):
        load(self.HANDLER).predict_batch(["4", "zero", "0"])
        failures = {body: each.failure for body, each in kept().items()}
        assert failures['"zero"'].phase == "preprocess"
        assert failures['"zero"'].place.endswith(" in number")
        assert failures['"0"'].phase == "postprocess"

    def test_each_of_two_that_fail_alike_keeps_what_its_own_error_says(self, load, kept):
        load(self.HANDLER).predict_batch(["plum", "pear"])
        failure = kept()['"plum"'].failure
        assert "'plum'" in failure.message
        assert "pear" not in failure.message + failure.traceback


class TestValues:
    """Requests come back as they were sent."""

    @pytest.mark.parametrize(
        "body",
        [b"\x00\xff", "text", {"a": [1, None]}, [], torch.tensor([[1.0]]), float("nan")],
        ids=["bytes", "text", "object", "list", "tensor", "nan"],
    )
    def test_bodies(self, load, folder, body):
        load("def handle(data, context): return data and [{}['x']]").predict_batch([body])
        (each,) = read_recorded(folder)
        given = Request.sent(body)
        again = each.request()
        assert repr(again.parts) == repr(given.parts)
        assert again.content_types == given.content_types

    def test_parts_and_headers(self, load, folder):
        request = Request.sent(
            parts={"image": (b"\xff\xd8\xff", "image/jpeg"), "target": "cat"},
            headers={"X-Trace": "17", "explain": "False"},
        )
        load("def handle(data, context): return data and [{}['x']]").predict_batch([request])
        (each,) = read_recorded(folder)
        assert each.request() == request
        assert (each.folder / "image.jpg").read_bytes() == b"\xff\xd8\xff"

    def test_an_answer_without_a_form_in_json_is_left_out(self, load, folder):
        model = load(
            "def handle(data, context): return data and [object()]", settings={"keep": "all"}
        )
        model.predict("anything")
        (each,) = read_recorded(folder)
        assert (each.failure, each.has_answer) == (None, False)

    def test_bytes_and_tensors_in_an_answer_come_back(self, load, folder):
        handler = """
            import torch

            def handle(data, context):
                return data and [{"png": b"abc", "scores": torch.tensor([1.0]), 3: (1,)}]
        """
        load(handler, settings={"keep": "all"}).predict("anything")
        (each,) = read_recorded(folder)
        assert each.answer == {"png": b"abc", "scores": torch.tensor([1.0]), 3: [1]}

    def test_what_cannot_be_read_never_was_a_request(self, load, folder, tmp_path):
        (outcome,) = load().predict_batch([tmp_path / "missing.json"])
        assert isinstance(outcome, RequestError)
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_pieces_of_a_streamed_answer_come_as_without_a_recording(load, folder, isolation):
    """What is recorded of it is the last piece, as `predict` returns it."""
    handler = """
        def handle(data, context):
            return data and ([f"{row['body']} {number}" for row in data] for number in (1, 2, 3))
    """
    model = load(handler, settings={"keep": "all"}, isolation=isolation)
    pieces = []
    answers = model.predict_batch(["a", "b"], on_piece=lambda *piece: pieces.append(piece))
    assert pieces == [(0, "a 1"), (1, "b 1"), (0, "a 2"), (1, "b 2")]
    assert [each.answer for each in read_recorded(folder)] == answers == ["a 3", "b 3"]


class TestOtherRequestsOfTheBatch:
    """What an error says is kept with the request that it is about, and with no other."""

    TELLING = """
        class Handler:
            def initialize(self, context): pass

            def handle(self, data, context):
                raise ValueError(f"cannot do with {[row['body'] for row in data]}")
    """
    STREAMING = """
        def handle(data, context):
            return data and pieces(data)

        def pieces(data):
            yield ["a piece"] * len(data)
            yield ["another"] * len(data)
            raise ValueError(f"cannot do with {[row['body'] for row in data]}")
    """

    @pytest.mark.parametrize("isolation", ISOLATIONS)
    @pytest.mark.parametrize(
        ("handler", "config"),
        [(TELLING, "sequenceBatching: true\n"), (STREAMING, "minWorkers: 1\n")],
        ids=["stateful", "streaming"],
    )
    def test_a_batch_that_is_not_run_again_tells_places_alone(
        self, load, folder, handler, config, isolation
    ):
        load(handler, config=config, isolation=isolation).predict_batch(["secret A", "secret B"])
        assert len(read_recorded(folder)) == 2
        for each in read_recorded(folder):
            assert each.failure.message is None
            assert each.failure.raised == "ValueError"
            assert each.failure.place.startswith("handler.py:")
            assert 'handler.py", line ' in each.failure.traceback
            other = {"secret A": "secret B", "secret B": "secret A"}[each.request().parts["body"]]
            assert not any(other in path.read_text() for path in each.folder.iterdir())

    @pytest.mark.parametrize("isolation", ISOLATIONS)
    def test_a_batch_that_is_run_again_tells_each_its_own(self, load, folder, isolation):
        load(self.TELLING, isolation=isolation).predict_batch(["secret A", "secret B"])
        for each in read_recorded(folder):
            own = each.request().parts["body"]
            assert own in each.failure.message
            assert f"cannot do with ['{own}']" in each.failure.traceback
            assert each.batch_size == 2

    def test_what_a_process_printed_is_never_kept(self, load, folder):
        handler = """
            import os

            def handle(data, context):
                if data:
                    print("secret A", flush=True)
                    os._exit(3)
        """
        model = load(handler, isolation="process")
        (outcome, _) = model.predict_batch(["secret B", "secret C"])
        assert "secret A" in outcome.message
        for each in read_recorded(folder):
            assert each.failure.kind == "WorkerError"
            assert "exited with code 3 over 2 requests" in each.failure.message
            assert "secret A" not in (each.folder / "outcome.recorded.json").read_text()


class TestWhoMayRead:
    def test_the_folder_and_all_files_are_the_user_s_alone(self, load, folder):
        before = os.umask(0)
        try:
            load().predict_batch(["raise"])
        finally:
            os.umask(before)
        (each,) = folder.iterdir()
        assert (mode_of(folder), mode_of(each)) == (0o700, 0o700)
        assert {mode_of(path) for path in each.iterdir()} == {0o600}

    def test_a_folder_that_is_there_keeps_its_permissions_and_its_files(self, load, folder):
        folder.mkdir(mode=0o755)
        (folder / "notes.txt").write_text("mine")
        load(settings={"most": 1}).predict_batch(["raise", "raise", "raise"])
        assert mode_of(folder) == 0o755
        assert (folder / "notes.txt").read_text() == "mine"
        assert len(read_recorded(folder)) == 1


class TestSettings:
    def test_a_path_keeps_failures(self):
        settings = Recording("somewhere")
        assert (settings.keep, settings.redact, settings.most) == ("failures", None, 1000)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"keep": "some"}, "keep must be one of failures, all, not 'some'"),
            ({"most": 0}, "most must be a whole number of 1 or more, not 0"),
            ({"most_bytes": 1.5}, "most_bytes must be a whole number of 1 or more, not 1.5"),
            ({"most": True}, "most must be a whole number"),
        ],
    )
    def test_what_means_nothing_is_refused(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            Recording("somewhere", **wrong)

    @pytest.mark.parametrize("folder", ["", None, 3])
    def test_a_folder_is_needed(self, folder):
        with pytest.raises(TypeError, match="needs the path of a folder"):
            Recording(folder)

    def test_redact_is_a_function(self):
        with pytest.raises(TypeError, match="redact must be a function of a request, not 'names'"):
            Recording("somewhere", redact="names")

    def test_record_is_a_path_or_a_recording(self, load_folder):
        with pytest.raises(TypeError, match="needs the path of a folder, not True"):
            load_folder({"handler.py": "def handle(data, context): ..."}, record=True)

    def test_a_relative_folder_is_meant_from_where_the_program_is(
        self, load_folder, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        model = load_folder(
            {"handler.py": "def handle(data, context): return data and [{}['x']]"}, record="here"
        )
        monkeypatch.chdir("/")
        model.predict_batch([1])
        assert len(read_recorded(tmp_path / "here")) == 1


class TestArchives:
    def test_the_digest_of_a_packed_archive_is_kept(self, tmp_path, folder):
        (tmp_path / "handler.py").write_text("def handle(data, context): return data and [1 / 0]")
        packed = archiver.pack(
            model_name="one", version="2", handler=tmp_path / "handler.py", export_path=tmp_path
        )
        with ts_sdk.load(packed.path, device="cpu", record=folder) as model:
            model.predict_batch([1])
        (each,) = read_recorded(folder)
        assert each.archive_digest == packed.digest

    def test_of_a_folder_of_sources_there_is_none(self, load, folder):
        load().predict_batch(["raise"])
        assert read_recorded(folder)[0].archive_digest is None


class TestTroubleWithTheDisk:
    def test_a_folder_that_cannot_be_made_is_an_error_of_load(self, load, folder):
        folder.write_text("a file")
        with pytest.raises(RecordingError, match=r"requests cannot be recorded in .*recorded: "):
            load()

    def test_a_folder_that_goes_away_breaks_no_prediction_and_is_told_once(
        self, load, folder, caplog
    ):
        model = load()
        folder.rmdir()
        folder.write_text("a file in its place")
        with caplog.at_level(logging.WARNING, "ts_sdk.recording"):
            outcomes = model.predict_batch(["well", "raise"]) + model.predict_batch(["raise"])
        assert outcomes[0] == {"said": "well"}
        assert [outcome.status for outcome in outcomes[1:]] == [503, 503]
        (record,) = caplog.records
        assert record.message.startswith("a request was not recorded: ")

    def test_an_error_of_the_handler_s_that_cannot_be_written_breaks_nothing(
        self, load, folder, caplog
    ):
        handler = """
            from ts_sdk import RequestError

            class Strange:
                def splitlines(self): return self

            def handle(data, context):
                if data:
                    raise RequestError(Strange(), status=418)
        """
        (outcome,) = load(handler).predict_batch(["anything"])
        assert outcome.status == 418
        assert list(folder.iterdir()) == []
        assert "a request was not recorded: TypeError at " in caplog.text

    def test_a_request_that_cannot_be_stored_breaks_nothing(self, load, folder, caplog):
        (outcome,) = load("def handle(data, context): return data and [1 / 0]").predict_batch(
            [{"a": object()}]
        )
        assert outcome.raised == "ZeroDivisionError"
        assert list(folder.iterdir()) == []
        assert "a request was not recorded: the part 'body' cannot be stored" in caplog.text


def test_requests_from_several_threads_are_all_kept(load, folder):
    model = load("""
        class Handler:
            concurrent = True
            def initialize(self, context): pass
            def handle(self, data, context): return [{}["x"]]
    """)
    barrier = threading.Barrier(4)

    def ask(number):
        barrier.wait()
        return [model.predict_batch([f"{number}-{each}"])[0].status for each in range(10)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [[503] * 10] * 4
    bodies = {each.request().parts["body"] for each in read_recorded(folder)}
    assert bodies == {f"{number}-{each}" for number in range(4) for each in range(10)}


def test_the_oldest_come_first_and_requests_of_a_batch_in_their_order(load, folder):
    model = load("def handle(data, context): return data and [{}['x']]")
    for start in range(0, 12, 4):
        model.predict_batch([start, start + 1, start + 2, start + 3])
    assert [each.request().parts["body"] for each in read_recorded(folder)] == list(range(12))


def test_without_a_recording_nothing_is_written(load_folder, tmp_path):
    model = load_folder({"handler.py": "def handle(data, context): return data and [1 / 0]"})
    before = sorted(tmp_path.rglob("*"))
    model.predict_batch([1])
    assert sorted(tmp_path.rglob("*")) == before


def test_no_environment_variable_is_kept(load, folder, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "hush-4711")
    load().predict_batch(["raise"])
    (each,) = read_recorded(folder)
    assert not any("hush-4711" in path.read_text() for path in each.folder.iterdir())
    outcome = json.loads((each.folder / "outcome.recorded.json").read_text())
    assert sorted(outcome) == [
        *("batch", "call", "device", "failure", "model", "precision", "redacted", "time"),
        "version",
    ]


def test_what_was_recorded_serves_as_samples_too(load, folder):
    load().predict_batch(["raise", {"say": "reject"}])
    bodies = [sample.request.parts["body"] for sample in read_samples(folder)]
    assert bodies == ["raise", {"say": "reject"}]


def test_neither_the_settings_nor_the_reading_import_torch(load, folder):
    load().predict_batch(["raise"])
    program = (
        "import sys, ts_sdk\nfrom ts_sdk.recording import read_recorded\n"
        "print(ts_sdk.Recording('x').keep, len(read_recorded(sys.argv[1])), 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "failures 1 False\n"

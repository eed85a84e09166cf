"""A handler in a process of its own answers as it would in this one."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import WISHES, kill
from safetensors.torch import save

import archiver
import ts_sdk
from ts_sdk import HandlerContractError, ModelClosedError, RequestError
from ts_sdk.errors import ConfigError, DeviceUnavailableError, HandlerLoadError
from ts_sdk.runtime.failures import RemoteTraceback

DOUBLE = """
    import torch

    class Double(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.by = torch.nn.Parameter(torch.ones(1))

        def forward(self, numbers):
            return self.by * numbers
"""

ECHO = """
    def handle(data, context):
        return data and [row["body"] for row in data]
"""


class Mine:
    """A class of the program's main module, which no other process imports."""


class TestTheModel:
    def test_knows_what_it_would_know_in_this_process(self, start):
        model = start(
            WHAT_IT_KNOWS, config="batchSize: 4\nhandler: {colour: red}\n", precision="float32"
        )
        assert (model.name, model.version, model.batch_size) == ("sources", "1.0", 4)
        assert (model.device, model.precision) == (torch.device("cpu"), "float32")
        assert model.handler is None
        assert model.context.model_yaml_config["handler"] == {"colour": "red"}
        assert model.context.manifest["model"]["handler"] == "handler.py"
        told = model.predict("")
        assert told == {**model.context.system_properties, "model_name": "sources"}

    def test_has_the_times_of_the_phases(self, start):
        model = start()
        model.predict_batch(["a", "b"])
        model.predict("c")
        assert {"open", "start process", "import handler", "initialize"} <= model.timings.keys()
        assert model.timings["handle"].count == 2

    def test_has_the_metrics_before_the_answer(self, start):
        seen = []
        model = start(MEASURES)
        model.metrics.add_sink(type("Seen", (), {"emit": lambda _, sample: seen.append(sample)})())
        assert model.metrics["Started"].value == 1
        model.predict("x")
        assert {"Handled": 1, "Started": 1}.items() <= {
            name: view.value for name, view in model.metrics.items()
        }.items()
        assert [sample.name for sample in seen] == ["Handled", "PredictionTime"]

    def test_needs_no_torch_where_the_handler_needs_none(self, start):
        model = start(
            "import sys\ndef handle(data, context):\n    return data and ['torch' in sys.modules]"
        )
        assert model.predict("") is False

    def test_answers_no_more_after_it_was_closed(self, start):
        model = start()
        model.close()
        model.close()
        with pytest.raises(ModelClosedError):
            model.predict("x")

    def test_answers_an_empty_batch(self, start):
        assert start().predict_batch([]) == []


WHAT_IT_KNOWS = """
    def handle(data, context):
        if data is None:
            return None
        return [{**context.system_properties, "model_name": context.model_name}]
"""

MEASURES = """
    def handle(data, context):
        context.metrics.add_counter("Started" if data is None else "Handled", 1)
        return data and ["x"]
"""


class TestTheWorld:
    """What the old server's worker had, and no other process sees."""

    def test_the_working_directory_is_the_archives_folder_for_ever(self, start, tmp_path):
        model = start(
            """
            import os
            def handle(data, context):
                return data and [[os.getcwd(), open("labels.txt").read()]]
            """,
            files={"labels.txt": "cat"},
        )
        here = Path.cwd()
        assert model.predict("") == [str(tmp_path / "sources"), "cat"]
        assert Path.cwd() == here

    def test_the_folder_comes_first_on_the_path_of_the_process_and_is_known_to_its_own(
        self, start, tmp_path
    ):
        model = start(
            """
            import subprocess, sys
            def handle(data, context):
                if data is not None:
                    command = [sys.executable, "-c", "import own; print(own.ANSWER)"]
                    return [[sys.path[0], subprocess.check_output(command, text=True, cwd="/")]]
            """,
            files={"own.py": "ANSWER = 42"},
        )
        assert model.predict("") == [str(tmp_path / "sources"), "42\n"]

    def test_what_it_sets_in_the_environment_reaches_its_processes_and_not_the_program(
        self, start, monkeypatch
    ):
        monkeypatch.setenv("GIVEN", "by the program")
        model = start(
            """
            import os, subprocess
            def handle(data, context):
                os.environ["SET_AT_START" if data is None else "SET_LATER"] = "by the handler"
                command = "echo $GIVEN, $SET_AT_START, $SET_LATER"
                return data and [subprocess.check_output(command, text=True, shell=True)]
            """
        )
        told = "by the program, by the handler, by the handler\n"
        assert model.predict("") == told
        assert not os.environ.keys() & {"SET_AT_START", "SET_LATER"}

    def test_files_named_as_pythons_own_modules_break_nothing(self, start):
        model = start(
            "import socket, utils\ndef handle(data, context):\n    return data and [utils.COLOUR]",
            files={"utils.py": "COLOUR = 'red'", "socket.py": "1 / 0", "types.py": "1 / 0"},
        )
        assert model.predict("") == "red"

    def test_what_it_prints_goes_to_standard_error(self, start, capsys):
        model = start(
            """
            import os, sys
            def handle(data, context):
                print("printed" if data else "started")
                print("complained", file=sys.stderr)
                os.write(1, b"written\\n")
                return data and ["answer"]
            """
        )
        assert model.predict("") == "answer"
        model.close()
        out, err = capsys.readouterr()
        assert out == ""
        assert err == "started\ncomplained\nwritten\nprinted\ncomplained\nwritten\n"

    def test_a_program_needs_no_guard_around_it(self, run_program, write_folder):
        """As a script does it, whose main module no other process may run."""
        folder = write_folder({"handler.py": ECHO})
        program = run_program(
            """
            import sys, ts_sdk
            print("once")
            model = ts_sdk.load(sys.argv[1], device="cpu", isolation="process")
            print(model.predict("twice"))
            """,
            folder,
        )
        assert program.communicate(timeout=60) == ("once\ntwice\n", "")
        assert program.returncode == 0


class TestAnswers:
    def test_a_large_body_comes_and_goes_unharmed(self, start):
        model = start(ECHO)
        body = os.urandom(1 << 20) * 50
        assert model.predict(body) == body
        assert model.predict("small") == "small"

    def test_arrays_and_tensors_come_and_go(self, start):
        model = start(ECHO)
        array, tensor = np.arange(6.0).reshape(2, 3), torch.arange(6).reshape(3, 2)
        assert np.array_equal(model.predict(array), array)
        assert torch.equal(model.predict(tensor), tensor)

    def test_one_that_only_the_archive_knows_fails_alone(self, start):
        model = start(
            """
            from collections import namedtuple
            class Box: pass
            Point = namedtuple("Point", "x y")
            KINDS = {"box": Box(), "point": Point(1, 2), "function": lambda: 1}
            def handle(data, context):
                return data and [KINDS.get(row["body"], row["body"]) for row in data]
            """
        )
        box, point, function, text = model.predict_batch(["box", "point", "function", "text"])
        assert isinstance(box, HandlerContractError)
        assert "Box is the archive's own" in box.message
        assert isinstance(function, HandlerContractError)
        assert (point, text) == ((1, 2), "text")
        assert model.predict("text") == "text"

    def test_a_request_that_cannot_be_sent_fails_alone(self, start, monkeypatch):
        monkeypatch.setattr(Mine, "__module__", "__main__")
        monkeypatch.setattr(sys.modules["__main__"], "Mine", Mine, raising=False)
        model = start()
        outcomes = model.predict_batch(["a", {"one": lambda: 1}, "b", {"two": Mine()}])
        assert outcomes[0::2] == ["a", "b"]
        assert [error.index for error in outcomes[1::2]] == [1, 3]
        assert "cannot be sent" in outcomes[1].message
        assert "cannot read the request" in outcomes[3].message

    def test_status_phrase_and_headers_come_with_it(self, start):
        model = start(
            """
            def handle(data, context):
                if data is not None:
                    context.set_response_status(202, "Taken", 0)
                    context.set_response_content_type(0, "text/plain")
                    return [context.get_request_header(0, "colour")]
            """
        )
        response = model.respond("x", headers={"colour": "red"})
        assert (response.status, response.phrase) == (202, "Taken")
        assert (response.content_type, response.body) == ("text/plain", b"red")

    def test_the_pieces_of_a_streamed_one_arrive_in_order(self, start):
        model = start(
            """
            def handle(data, context):
                return None if data is None else pieces()
            def pieces():
                for index in range(4):
                    yield [str(index) * 100_000]
            """
        )
        assert [piece[0] for piece in model.stream("x")] == ["0", "1", "2", "3"]
        assert model.predict("x") == "3" * 100_000

    def test_batches_take_turns(self, start):
        model = start(ONE_AT_A_TIME)
        assert answers_at_once(model, 4) == ["alone"] * 4

    def test_a_handler_that_says_so_gets_several_batches_at_once(self, start):
        model = start(
            """
            import threading
            class Handler:
                concurrent = True
                def initialize(self, context):
                    self.all_here = threading.Barrier(4)
                def handle(self, data, context):
                    self.all_here.wait(20)
                    return ["together"]
            """
        )
        assert answers_at_once(model, 4) == ["together"] * 4
        assert answers_at_once(model, 4) == ["together"] * 4


ONE_AT_A_TIME = """
    import threading, time
    busy = threading.Lock()
    def handle(data, context):
        if data is not None:
            alone = busy.acquire(blocking=False)
            time.sleep(0.02)
            busy.release()
            return ["alone" if alone else "crowded"]
"""


def answers_at_once(model, count):
    """What as many threads are answered that ask at the same time."""
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(model.predict("x"))) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class TestErrors:
    def test_a_bad_request_spoils_no_other_and_shows_the_handlers_lines(self, start):
        model = start()
        first, bad, last = model.predict_batch(["a", "raise", "b"])
        assert (first, last) == ("a", "b")
        assert (type(bad), bad.status, bad.index) == (RequestError, 503, 1)
        assert bad.client_message == "Prediction failed"
        assert "KeyError: 'no such wish' (handler.py:" in bad.message
        assert isinstance(bad.__cause__, RemoteTraceback)
        assert 'raise KeyError("no such wish")' in str(bad.__cause__)

    def test_a_request_error_arrives_as_the_handler_raised_it(self, start):
        model = start(
            """
            from ts_sdk import RequestError
            class Teapot(RequestError):
                pass
            def handle(data, context):
                if data is not None:
                    raise Teapot("no coffee", status=418, client_message="short and stout")
            """
        )
        with pytest.raises(RequestError, match="no coffee") as caught:
            model.predict("x")
        assert (caught.value.status, caught.value.client_message) == (418, "short and stout")

    def test_a_start_that_fails_tells_where(self, start):
        with pytest.raises(
            HandlerLoadError, match=r"^sources: .* failed: ValueError: no \(handler.py:1"
        ) as caught:
            start("raise ValueError('no')")
        assert caught.value.phase == "import handler"
        assert "ValueError: no" in str(caught.value.__cause__)

    def test_other_errors_of_a_start_keep_their_class_too(self, start):
        with pytest.raises(ConfigError):
            start(config="batchSize: many")
        with pytest.raises(DeviceUnavailableError) as caught:
            start(device="cuda:99")
        assert caught.value.device == "cuda:99"

    def test_a_negative_timeout_is_refused(self, start):
        with pytest.raises(ValueError, match="0 s"):
            start(response_timeout_s=-1)

    def test_a_packed_model_runs_with_its_weights(self, tmp_path, write_folder):
        """Eager, aligned safetensors: what is mapped out of the archive in the program itself."""
        files = {"model.py": DOUBLE, "weights.safetensors": save({"by": torch.tensor([2.0])})}
        folder = write_folder(files)
        packed = archiver.pack(
            model_name="double",
            version="1",
            handler="base_handler",
            model_file=folder / "model.py",
            serialized_file=folder / "weights.safetensors",
            export_path=tmp_path,
        )
        cache = ts_sdk.ExtractionCache(tmp_path / "cache")
        with ts_sdk.load(packed.path, device="cpu", isolation="process", cache=cache) as model:
            assert model.predict([1.0, 21.0]) == [2.0, 42.0]

    def test_an_archive_that_is_packed_runs_too_and_keeps_running_when_its_file_is_gone(
        self, tmp_path, write_folder
    ):
        folder = write_folder({"handler.py": WISHES})
        packed = archiver.pack(
            model_name="cat", version="1", handler=folder / "handler.py", export_path=tmp_path
        )
        cache = ts_sdk.ExtractionCache(tmp_path / "cache")
        with ts_sdk.load(packed.path, device="cpu", isolation="process", cache=cache) as model:
            first = model.predict("pid")
            packed.path.unlink()
            kill(first)
            assert model.predict("pid") != first


def test_what_the_handler_makes_of_its_process_stays(load_folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    source = f"""
        import os
        import subprocess
        import sys

        def handle(data, context):
            if data is None:
                os.environ["TS_SDK_TEST_MODE"] = "mine"
                os.chdir({str(tmp_path / "elsewhere")!r})
                sys.path.insert(0, "/made/up")
                return None
            shown = subprocess.run(
                ["printenv", "TS_SDK_TEST_MODE"], capture_output=True, text=True, check=True
            )
            return [[shown.stdout.strip(), os.getcwd(), sys.path[0]]]
    """
    model = load_folder({"handler.py": source}, isolation="process")
    assert model.predict("x") == ["mine", str(tmp_path / "elsewhere"), "/made/up"]

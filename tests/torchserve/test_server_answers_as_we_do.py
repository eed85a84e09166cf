"""Archives under the real server: over HTTP it sends what `Model.respond` gives in this process."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torchserve_corpus import Case, Reply, all_cases, answers, failures, responses, streams
from torchserve_corpus.outcome import apart

import archiver
import ts_sdk
from tests.benchmarks.peer_server import Answer, Server
from ts_sdk import Model, Response

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OF_DEFAULT_HANDLERS = {
    "classifier": "image_classifier: a picture",
    "segmenter": "image_segmenter: numbers",
    "detector": "object_detector: a picture",
    "texts": "text_classifier: text",
}
OF_SOURCES = {
    "fails": failures.RAISES_BY_NAME,
    "kinds": answers.ANSWERS_BY_NAME,
    "says": responses.SETS,
    "dies": failures.DIES,
    "streams": streams.SAYS_TYPES,
    "ours": """
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.device = "cpu"

    def preprocess(self, data):
        for index, row in enumerate(data):
            if "bad" in row["body"]:
                self.reject(index, "nothing <bad>, please", status=422)
        return [row["body"] for row in data if "bad" not in row["body"]]

    def inference(self, data):
        return data

    def postprocess(self, data):
        return [{"said": each} for each in data]

    def describe_handle(self):
        return {"takes": "words"}

    def get_insights(self, tensor_data, raw, target):
        return [{"of": each, "raw": raw, "target": target} for each in tensor_data]
""",
}
SAID = (
    "a content type",
    "a status",
    "a content type as a header",
    "an error with a dict",
    "an error with text",
    "an error without an answer",
    "an error of ours",
    "an unusual status",
)


@dataclass(frozen=True)
class Both:
    """The server, and the same archives in this process."""

    server: Server
    models: Mapping[str, Model]

    def ask(
        self, model: str, body: bytes, content_type: str, **headers: str
    ) -> tuple[Answer, Response]:
        """Both answers to one request."""
        task = "explanations" if headers else "predictions"
        theirs = self.server.predict(model, body, content_type, task=task)
        ours = self.models[model].respond(body, content_type=content_type, headers=headers)
        return theirs, ours


CASES = {case.name: case for case in all_cases()}


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]
) -> Iterator[Both]:
    """Every archive under the server and here."""
    folder = tmp_path_factory.mktemp("archives")
    archives = {
        name: _packed(folder, name, CASES[case]) for name, case in OF_DEFAULT_HANDLERS.items()
    }
    for name, code in OF_SOURCES.items():
        archives[name] = _packed(folder, name, Case(name, {"handler.py": code}))
    with ExitStack() as opened:
        models = {
            name: opened.enter_context(ts_sdk.load(path, device="cpu"))
            for name, path in archives.items()
        }
        server = start_server(folder / "store", *(path.name for path in archives.values()))
        yield Both(server, models)


def _packed(folder: Path, name: str, case: Case) -> Path:
    sources = case.write(folder / name)
    store = folder / "store"
    store.mkdir(exist_ok=True)
    files = {sources / each for each in (*case.model.values(), case.handler)}
    extra = [path for path in sources.iterdir() if path.is_file() and path not in files]
    handler = sources / case.handler
    return archiver.pack(
        model_name=name,
        version="1.0",
        handler=handler if handler.is_file() else case.handler,
        model_file=_member(sources, case, "modelFile"),
        serialized_file=_member(sources, case, "serializedFile"),
        extra_files=extra,
        export_path=store,
    ).path


def _member(sources: Path, case: Case, key: str) -> Path | None:
    return sources / case.model[key] if key in case.model else None


def _apart(theirs: Answer, ours: Response, tolerance: float = 0.0) -> list[str]:
    """In what they differ; the server adds headers of its own, and a phrase where none is set."""
    headers = {name: theirs.headers.get(name.lower()) for name in ours.headers}
    if theirs.content_type is not None:
        headers["content-type"] = theirs.content_type
    wanted = Reply(theirs.status, theirs.body, theirs.phrase if ours.phrase else "", headers)
    found = Reply(ours.status, ours.body, ours.phrase, dict(ours.headers))
    return apart(wanted, found, tolerance)


@pytest.mark.parametrize("name", OF_DEFAULT_HANDLERS)
def test_an_archive_with_a_default_handler_answers_alike(name, both):
    ((_, content_type, content),) = CASES[OF_DEFAULT_HANDLERS[name]].batches[0][0].parts
    theirs, ours = both.ask(name, content, content_type)
    assert theirs.status == 200
    assert _apart(theirs, ours, tolerance=1e-4) == []


def test_an_archive_with_the_base_handler_answers_alike_behind_an_envelope(tmp_path, start_server):
    case = CASES["models: base_handler alone"]
    archive = _packed(tmp_path, "base", case)
    ((_, content_type, content),) = case.batches[0][0].parts

    server = start_server(archive.parent, archive.name, service_envelope="body")
    theirs = server.predict("base", content, content_type)
    with ts_sdk.load(archive, device="cpu", envelope="body") as model:
        ours = model.respond(content, content_type=content_type)

    assert theirs.status == 200
    assert _apart(theirs, ours) == []


@pytest.mark.parametrize("what", [*failures.RAISED, "fine"])
def test_a_failure_is_told_alike(what, both):
    theirs, ours = both.ask("fails", what.encode(), "text/plain")
    assert _apart(theirs, ours) == []


@pytest.mark.parametrize("kind", ["dict", "text", "bytes", "tensor", "NaN", "none", "set"])
def test_each_kind_of_answer_is_sent_alike(kind, both):
    theirs, ours = both.ask("kinds", kind.encode(), "text/plain")
    assert _apart(theirs, ours) == []


@pytest.mark.parametrize("what", SAID)
def test_what_a_handler_says_of_its_response_is_sent_alike(what, both):
    body = json.dumps(responses.TOLD[what]).encode()
    theirs, ours = both.ask("says", body, "application/json")
    assert _apart(theirs, ours) == []


def test_a_stream_is_sent_in_pieces_that_are_ours_together(both):
    theirs, ours = both.ask("streams", b"", "text/plain")
    assert theirs.headers["transfer-encoding"] == "chunked"
    assert theirs.body == ours.body
    assert theirs.content_type == ours.content_type == "text/event-stream"
    assert theirs.headers["ts_stream_next"] == "true"  # the headers went out with the first piece


def test_a_handler_of_ours_runs_under_the_server(both):
    for body in (b"a word", b"a bad word"):
        theirs, ours = both.ask("ours", body, "text/plain")
        assert _apart(theirs, ours) == []
    assert theirs.status == 422
    assert theirs.phrase == "nothing <bad>, please"


def test_it_explains_and_describes_under_the_server(both):
    theirs, ours = both.ask("ours", b"why", "text/plain", explain="True")
    assert _apart(theirs, ours) == []
    assert json.loads(theirs.body) == {"of": "why", "raw": "why", "target": 0}
    described: Any = json.loads(both.models["ours"].respond("", headers={"describe": "True"}).body)
    assert both.server.description("ours") == described == {"takes": "words"}


def test_the_end_of_the_handlers_process_is_told_alike(both):
    theirs = both.server.predict("dies", b"kill", "text/plain")
    archive = both.models["dies"].path
    with ts_sdk.load(archive, device="cpu", isolation="process") as model:
        ours = model.respond(b"kill", content_type="text/plain")
        assert _apart(theirs, ours) == []
        assert model.respond(b"fine", content_type="text/plain").body == b"fine"

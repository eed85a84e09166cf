"""Run cases of the corpus through `ts_sdk`."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import archiver
import ts_sdk
from torchserve_corpus.case import Case, Reply, Sent, error_body
from torchserve_corpus.outcome import Outcome, is_sample, normalised, without_ids
from ts_sdk.responses import encode


def run(case: Case, archive: Path) -> Outcome:
    """What becomes of a case's requests when *archive*, which holds its files, is loaded here."""
    with mock.patch.dict(os.environ, case.environment), _metrics() as lines:
        try:
            model = ts_sdk.load(archive, **{"device": "cpu", **case.options})
        except (ts_sdk.LoadError, archiver.ArchiveError):
            return Outcome(starts=False, replies=[], metrics=[])
        found, metrics = [], [_taken(lines)]
        with model:
            for batch in case.batches:
                responses = model.respond_batch([request_of(one) for one in batch])
                found.append([_reply(response) for response in responses])
                metrics.append(_taken(lines))
    return Outcome(starts=True, replies=found, metrics=metrics)


def pieces(case: Case, archive: Path, sent: Sent) -> tuple[list[bytes], str | None]:
    """The pieces of the answer to one request, and what is said when they end in an error."""
    found = []
    with ts_sdk.load(archive, **{"device": "cpu", **case.options}) as model:
        try:
            found += [encode(piece) for piece in model.stream(request_of(sent))]
        except ts_sdk.RequestError as error:
            return found, error.client_message
    return found, None


def request_of(sent: Sent) -> ts_sdk.Request:
    """The request that comes of what was sent."""
    parts = {name: (content, kind) for name, kind, content in sent.parts}
    return ts_sdk.Request.sent(parts=parts, headers=sent.headers)


def _reply(response: ts_sdk.Response) -> Reply:
    told = "" if response.error is None else response.error.client_message
    failed = response.error is not None and response.body == error_body(response.status, told)
    return Reply(
        response.status,
        without_ids(response.body),
        response.phrase,
        dict(response.headers),
        error=told if failed else None,
    )


@contextmanager
def _metrics() -> Iterator[list[str]]:
    """The lines of metrics that are logged while the ``with`` block runs."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = record.getMessage()
            if is_sample(line):
                lines.append(line)

    logger, keep = logging.getLogger("ts_sdk.metrics"), Keep()
    before = logger.level
    logger.addHandler(keep)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(keep)


def _taken(lines: list[str]) -> list[str]:
    taken = normalised(list(lines))
    lines.clear()
    return taken

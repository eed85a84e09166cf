"""Run archives under TorchServe's own worker: a program for a process that finds it.

It reads jobs from one JSON file and writes what became of them to another. Torch and TorchServe are
imported once; each worker is a fork, with the folder, module path and environment that TorchServe's
frontend gives it, and is talked to as the frontend does.
"""

import asyncio
import base64
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import frames

_ANSWER_S = 60
_METRIC = "[METRICS]"
_DIED = "Worker died."
_DIED_STATUS = 500
_OK = 200
_MORE_FOLLOWS = "ts_stream_next"


class Worker:
    """A worker that has been told to load a job's archive; *error* says why it did not."""

    def __init__(self, job: dict[str, Any], log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size if log.exists() else 0
        ours, theirs = socket.socketpair()
        self._process = os.fork()
        if not self._process:
            ours.close()
            _work(job, theirs, log)
        theirs.close()
        ours.settimeout(_ANSWER_S)
        self.connection = ours
        self.error = self._load(job)

    def new_metrics(self) -> list[str]:
        """The metrics that it has logged since this was asked last."""
        with self._log.open(encoding="utf-8") as file:
            file.seek(self._read)
            lines = file.read().splitlines()
            self._read = file.tell()
        return [line for line in lines if line.startswith(_METRIC)]

    def stop(self) -> None:
        """End it."""
        self.connection.close()
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def _load(self, job: dict[str, Any]) -> str | None:
        self.connection.sendall(
            frames.load_frame(
                "corpus", job["folder"], job["batch_size"], job["handler"], job["envelope"]
            )
        )
        try:
            frame = frames.read_frame(self.connection)
        except (EOFError, OSError):
            return _DIED
        return None if frame.code == _OK else frame.message


def _work(job: dict[str, Any], connection: socket.socket, log: Path) -> None:
    """Be the worker, to the end of this process."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        import ts
        from ts.model_service_worker import TorchModelServiceWorker

        os.environ.update(job["environment"])
        os.chdir(job["folder"])
        named = job["handler"].partition(":")
        if named[1]:  # the frontend puts the handler's own folder onto the module path
            sys.path.insert(0, str(Path(named[0]).parent))
        sys.path.insert(0, job["folder"])
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO, force=True)
        metrics = str(Path(ts.__file__).parent / "configs" / "metrics.yaml")
        worker = TorchModelServiceWorker("unix", "/nowhere/worker.9000", metrics_config=metrics)
        if job["asynchronous"]:
            asyncio.set_event_loop(asyncio.new_event_loop())
            worker.handle_connection_async(connection)
        else:
            worker.handle_connection(connection)
    except BaseException:
        logging.exception("the worker ends")  # noqa: LOG015 - as the worker logs
    finally:
        sys.stdout.flush()
        os._exit(1)


def run(job: dict[str, Any], log: Path) -> dict[str, Any]:
    """What becomes of a job: whether it loads, its replies, and the metrics of each step."""
    worker = Worker(job, log)
    found: dict[str, Any] = {
        "load_error": worker.error,
        "replies": [],
        "metrics": [worker.new_metrics()],
    }
    try:
        if worker.error is None:
            for number, batch in enumerate(job["batches"]):
                ids = [f"{number:08d}-0000-4000-8000-{index:012d}" for index in range(len(batch))]
                replies, alive = _ask(worker, dict(zip(ids, batch, strict=True)), job)
                found["replies"].append([replies[each] for each in ids])
                found["metrics"].append(worker.new_metrics())
                if not alive:  # the frontend starts another one
                    worker.stop()
                    worker = Worker(job, log)
                    worker.new_metrics()
    finally:
        worker.stop()
    return found


def _ask(worker: Worker, batch: dict[str, Any], job: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The replies by request id, and whether the worker still lives."""
    pending = {each: _decoded(request) for each, request in batch.items()}
    replies: dict[str, Any] = {each: {"pieces": []} for each in batch}
    told = dict(pending)
    while pending:
        if told:
            worker.connection.sendall(
                frames.predict_frame((each, *request) for each, request in told.items())
            )
        try:
            frame = frames.read_frame(worker.connection)
        except (EOFError, OSError):
            frame = frames.Frame(_DIED_STATUS, _DIED, [])
        if frame.code != _OK:
            for each in pending:
                replies[each] |= {"error": frame.message, "status": frame.code}
            return replies, frame.message != _DIED
        for prediction in frame.predictions:
            _take(prediction, replies[prediction.request_id])
            if prediction.headers.get(_MORE_FOLLOWS) != "true":
                del pending[prediction.request_id]
        # Only under continuous batching does the frontend ask again, without the parts.
        told = {each: (pending[each][0], []) for each in pending} if job["continuous"] else {}
    return replies, True


def _take(prediction: frames.Prediction, reply: dict[str, Any]) -> None:
    assert prediction.content_type == prediction.headers.get("content-type", "")
    reply["pieces"].append(base64.b64encode(prediction.body).decode())
    reply["status"] = prediction.status
    reply["phrase"] = prediction.phrase
    reply["headers"] = prediction.headers


def _decoded(request: dict[str, Any]) -> tuple[dict[str, str], list[frames.Part]]:
    parts = [(name, kind, base64.b64decode(content)) for name, kind, content in request["parts"]]
    return request["headers"], parts


def main(jobs: Path, results: Path, logs: Path) -> None:
    """Run all *jobs* and write *results*; each job has a file in *logs*."""
    import ts.model_service_worker  # noqa: F401 - once, for all workers

    found = {
        name: run(job, logs / f"{number}.log")
        for number, (name, job) in enumerate(json.loads(jobs.read_text()).items())
    }
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose modules are not the archives'
    main(*map(Path, sys.argv[1:]))

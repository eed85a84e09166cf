"""How ``mar run`` prints what became of an input."""

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from ts_sdk.cli.answers import as_bytes, as_json, as_text, refused_by_torchserve
from ts_sdk.errors import HandlerContractError, RequestError


@dataclass(frozen=True)
class OutcomePrinter:
    """Prints answers to standard output, and errors there or, for people, to standard error.

    Attributes:
        write: Prints a text to standard output.
        write_error: Prints a text to standard error.
        json: Whether each outcome is one line of JSON.
        output: The file that the answer goes to instead.
        traceback: Whether errors come with where in the code they came from.
        noted: Types in answers about which a note was printed.
    """

    write: Callable[[str], None]
    write_error: Callable[[str], None]
    json: bool
    output: Path | None
    traceback: bool
    noted: set[str] = field(default_factory=set)

    def show(self, name: str, outcome: object, pieces: Sequence[object] = ()) -> bool:
        """Print the *outcome* of the input called *name*; returns whether it is an answer.

        Args:
            name: The input.
            outcome: What became of it.
            pieces: What was streamed before that.
        """
        if not isinstance(outcome, RequestError):
            try:
                self._show_answer(name, outcome, pieces)
            except HandlerContractError as error:
                outcome = error
        if isinstance(outcome, RequestError):
            self._show_error(name, outcome)
            return False
        self._note_what_torchserve_refuses(name, [*pieces, outcome])
        return True

    def _show_answer(self, name: str, answer: object, pieces: Sequence[object]) -> None:
        if self.output:
            self.output.write_bytes(b"".join(map(as_bytes, (*pieces, answer))))
        elif self.json:
            before = {"pieces": list(pieces)} if pieces else {}
            self.write(as_json({"input": name, **before, "answer": answer}))
        else:
            shown = "\n".join(map(as_text, (*pieces, answer)))
            self.write(f"{name}\n{indent(shown, '  ')}")

    def _note_what_torchserve_refuses(self, name: str, answers: Sequence[object]) -> None:
        kind = next(filter(None, map(refused_by_torchserve, answers)), None)
        if kind is None or kind in self.noted:
            return
        self.noted.add(kind)
        self.write_error(
            f"mar: {name}: TorchServe would answer this with status 503: it cannot send a {kind}; "
            "return numbers, text, lists and dicts from postprocess(), as tolist() makes them"
        )

    def _show_error(self, name: str, error: RequestError) -> None:
        if self.json:
            told = {"status": error.status, "message": error.message}
            self.write(json.dumps({"input": name, "error": told}))
        else:
            sys.stdout.flush()  # so that the outcomes keep their order where both streams meet
            # What is wrong with a file itself begins with its name.
            subject = "" if error.message.startswith(f"{name} ") else f"{name}: "
            self.write_error(f"mar: {subject}{error.message} (status {error.status})")
        if self.traceback:
            self.write_error("".join(traceback.format_exception(error)))

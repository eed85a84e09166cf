"""Golden files of a test suite: what a test once got, kept beside it to compare with."""

import json
import os
import re
import secrets
from pathlib import Path

from ts_sdk.testing.closeness import Tolerance, assert_close_json
from ts_sdk.testing.shortened import shortened

FOLDER = "__snapshots__"
UPDATE_FLAG = "--mar-update"
_UNSAFE = re.compile(r"[^\w.=+,-]+")
_LONGEST_NAME = 120


class SnapshotError(AssertionError):
    """There is no golden file to compare with, or it cannot be read."""


class Snapshots:
    """The golden files of one test.

    Args:
        folder: Where they are: `FOLDER` beside the test's file, in it a folder for that file.
        test: The test's name, with its class and its parameters: ``TestCat::test_answer[small]``.
        update: Whether values are written in place of being compared.

    Attributes:
        written: The files that were written.
    """

    def __init__(self, folder: Path, test: str, *, update: bool = False) -> None:
        self._folder = folder
        self._test = test
        self._update = update
        self._names: set[str] = set()
        self.written: list[Path] = []

    def __call__(
        self,
        value: object,
        *,
        name: str | None = None,
        tolerance: Tolerance | None = None,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Hold *value* to the golden file.

        Args:
            value: JSON values, bytes, arrays, tensors and pictures as bytes, nested.
            name: What tells several of one test apart; None numbers them.
            tolerance: How far numbers and pixels may be apart; None for that of float32.
            rtol: Replaces that of *tolerance*.
            atol: Replaces that of *tolerance*.

        Raises:
            AssertionError: It differs, or there is no golden file; the message says how to write
                one.
            SampleError: It holds what cannot be kept.
            ValueError: The test has another value of that *name*.
        """
        __tracebackhide__ = True
        path = self._path(self._new_name(name))
        if self._update:
            self._write(path, value, Tolerance() if tolerance is None else tolerance, rtol, atol)
            return
        if not path.is_file():
            raise SnapshotError(
                f"there is no golden file {path}: look at the value, then run pytest "
                f"{UPDATE_FLAG}\nthe value is: {shortened(value)}"
            )
        assert_close_json(
            value,
            _read(path),
            tolerance=tolerance,
            rtol=rtol,
            atol=atol,
            equal_nan=True,
            hint=f"if the new value is right, run pytest {UPDATE_FLAG} to write it to {path}",
        )

    def _new_name(self, given: str | None) -> str:
        count = len(self._names) + 1
        name = given or ("" if count == 1 else str(count))
        if name in self._names:
            raise ValueError(f"mar_snapshot: the test has two values of the name {name!r}")
        self._names.add(name)
        return name

    def _path(self, suffix: str) -> Path:
        """A file for each name, whatever is in it; those of usual names can be read."""
        given = f"{self._test}-{suffix}" if suffix else self._test
        plain = given.replace("::", ".").replace("[", "-").replace("]", "")
        name = _UNSAFE.sub("-", plain)
        if name != plain or len(name) > _LONGEST_NAME:
            import hashlib

            digest = hashlib.sha256(given.encode()).hexdigest()[:12]
            name = f"{name[:_LONGEST_NAME].strip('-')}-{digest}"
        return self._folder / f"{name}.json"

    def _write(
        self,
        path: Path,
        value: object,
        tolerance: Tolerance,
        rtol: float | None,
        atol: float | None,
    ) -> None:
        """Write *value*, unless what is there is as good: then the file stays as it is."""
        from ts_sdk.samples.kept_answers import answer_to_json

        kept = json.dumps(answer_to_json(value), indent=2, ensure_ascii=False, sort_keys=True)
        if path.is_file():
            try:
                assert_close_json(
                    value, _read(path), tolerance=tolerance, rtol=rtol, atol=atol, equal_nan=True
                )
            except AssertionError:
                pass
            else:
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            draft.write_text(f"{kept}\n", encoding="utf-8")
            os.replace(draft, path)  # noqa: PTH105 - several processes may write it
        finally:
            draft.unlink(missing_ok=True)
        self.written.append(path)


def _read(path: Path) -> object:
    from ts_sdk.samples.errors import SampleError
    from ts_sdk.samples.kept_answers import answer_from_json

    try:
        return answer_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, SampleError) as error:
        raise SnapshotError(
            f"{path} cannot be read: {error}; write it anew with pytest {UPDATE_FLAG}"
        ) from error

"""Golden answers: what a model answered to its samples once, and whether it still does."""

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import Archive
from archiver.names import METADATA_FOLDER, RECORD_NAME
from archiver.rewriting import put_into_archive
from archiver.samples import GOLDEN_SUFFIX, SAMPLES_FOLDER, sample_names
from ts_sdk.errors import RequestError
from ts_sdk.samples.environment import changes_since, environment_of
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.files import ArchiveFiles, Files, FolderFiles
from ts_sdk.samples.golden_file import Golden, GoldenError, parse_goldens, render_goldens
from ts_sdk.samples.sample import Sample
from ts_sdk.testing.closeness import MOST_SHOWN, Difference, Tolerance, differences
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    from ts_sdk.model import Model

_FLOAT32 = "float32"
_SERVER_ERROR = 500


@dataclass(frozen=True)
class GoldenResult:
    """How the answer to a sample compares with the golden one.

    Attributes:
        sample: The sample's name.
        key: The precision and the kind of device of the answer.
        golden: What it was compared with; None when nothing was.
        differences: Where the two differ.
        changes: In what this environment differs from the one where *golden* was made.
    """

    sample: str
    key: tuple[str, str]
    golden: Golden | None = None
    differences: tuple[Difference, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is the golden one, within the tolerance."""
        return self.golden is not None and not self.differences

    @property
    def is_nearest(self) -> bool:
        """Whether *golden* was made in another precision or on another kind of device."""
        return self.golden is not None and self.golden.key != self.key

    def __str__(self) -> str:
        wanted = _words(self.key)
        if self.golden is None:
            return f"{self.sample}: no golden answer was recorded for {wanted}"
        found = f"the golden answer for {_words(self.golden.key)}"
        if self.is_nearest:
            found = f"{found} (none was recorded for {wanted})"
        if self.passed:
            return f"{self.sample}: as {found}"
        count = len(self.differences)
        lines = [f"{self.sample}: {count} difference{'s' * (count > 1)} from {found}:"]
        lines += [f"  {each}" for each in self.differences[:MOST_SHOWN]]
        if len(self.differences) > MOST_SHOWN:
            lines.append(f"  ... and {len(self.differences) - MOST_SHOWN} more")
        return "\n".join([*lines, f"  {self._origin(self.golden)}"])

    def _origin(self, golden: Golden) -> str:
        made = ", ".join(f"{name} {value}" for name, value in golden.environment.items())
        if not self.changes:
            return f"it was made in an environment like this one: {made}"
        return f"it was made with {made}; since then: {', '.join(self.changes)}"


def record_goldens(
    model: "Model",
    samples: Iterable[Sample],
    target: str | os.PathLike[str],
    *,
    tolerance: Tolerance | None = None,
) -> dict[str, Golden]:
    """Keep what a model answers to samples as their golden answers.

    Each sample is sent alone. Of a streamed answer, the list of its pieces is kept; a request that
    fails has its status and the kind of its error as golden answer. Answers for other precisions
    and kinds of devices stay. Nothing is written before all answers are there.

    Args:
        model: What answers, in the precision and on the device that the answers are kept for.
        samples: What is sent.
        target: Where the samples are and the answers go: a folder of samples, a folder of sources
            with ``MAR-INF/samples/``, or a ``.mar`` or ``.tar.gz``, which is written anew with all
            its other members as they are.
        tolerance: How far later answers may be from these; None for `Tolerance.for_precision`.

    Returns:
        What was recorded, by the samples' names.

    Raises:
        SampleError: The handler fails on a sample (a status from 500 on), the target lacks one of
            the samples, an answer cannot be kept, or the target cannot be written.
        archiver.ArchiveError: The archive cannot be read or written.
    """
    key = _key_of(model)
    environment = environment_of(model.device)
    allowed = tolerance or Tolerance.for_precision(key[0])
    recorded = {}
    for sample in samples:
        try:
            outcome = _answer(model, sample)
            _refuse_crash(outcome)
            recorded[sample.name] = Golden.made_of(outcome, key, allowed, environment)
        except SampleError as error:
            raise SampleError(f"the answer to {sample.name}: {error}") from error
    _write(from_program(target), recorded)
    return recorded


def compare_with_goldens(
    model: "Model", samples: Iterable[Sample], *, nearest: bool = True
) -> list[GoldenResult]:
    """Compare what a model answers to samples with their golden answers.

    The tolerance is the one that was recorded, wherever the golden answer was made.

    Args:
        model: What answers.
        samples: What is sent, each alone.
        nearest: Whether a sample without a golden answer for the model's precision and kind of
            device is compared with one for another, within the larger tolerance of the two
            precisions: the same precision is preferred, then float32, then the same device.

    Returns:
        A result for each sample, in order.

    Raises:
        SampleError: A golden answer is damaged.
    """
    here = environment_of(model.device)
    key = _key_of(model)
    results = []
    for sample in samples:
        golden = _golden_for(key, sample.goldens, nearest=nearest)
        if golden is None:
            results.append(GoldenResult(sample.name, key))
            continue
        try:
            found = _compared(_answer(model, sample), golden, _tolerance(golden, key))
        except SampleError as error:
            raise SampleError(f"the golden answer of {sample.name}: {error}") from error
        changes = changes_since(golden.environment, here)
        results.append(GoldenResult(sample.name, key, golden, tuple(found), tuple(changes)))
    return results


def _key_of(model: "Model") -> tuple[str, str]:
    return str(model.precision), model.device.type


def _answer(model: "Model", sample: Sample) -> object:
    """The answer or the `RequestError`; of a streamed answer, the list of its pieces."""
    pieces: list[object] = []
    [outcome] = model.predict_batch(
        [sample.request], on_piece=lambda _, piece: pieces.append(piece)
    )
    return [*pieces, outcome] if pieces and not isinstance(outcome, RequestError) else outcome


def _refuse_crash(outcome: object) -> None:
    """A request that is refused is an answer to keep; one that a handler fails on is none."""
    if isinstance(outcome, RequestError) and outcome.status >= _SERVER_ERROR:
        raise SampleError(
            f"the handler fails on it, so nothing was recorded: {outcome.message}"
        ) from outcome


def _golden_for(key: tuple[str, str], goldens: Iterable[Golden], *, nearest: bool) -> Golden | None:
    ranked = sorted(goldens, key=lambda golden: _distance(golden, key))
    if ranked and (nearest or ranked[0].key == key):
        return ranked[0]
    return None


def _distance(golden: Golden, key: tuple[str, str]) -> tuple[bool, ...]:
    precision, device = key
    return golden.precision != precision, golden.precision != _FLOAT32, golden.device != device


def _tolerance(golden: Golden, key: tuple[str, str]) -> Tolerance:
    """How far an answer may be from a golden one."""
    if golden.key == key:
        return golden.tolerance
    here = Tolerance.for_precision(key[0])
    names = [field.name for field in fields(Tolerance)]
    return Tolerance(
        **{name: max(getattr(golden.tolerance, name), getattr(here, name)) for name in names}
    )


def _compared(outcome: object, golden: Golden, tolerance: Tolerance) -> list[Difference]:
    if isinstance(outcome, RequestError):
        error = GoldenError.of(outcome)
        if golden.error is None:
            return [Difference("$", str(error), golden.answer, "the request failed")]
        if (error.status, error.kind) != (golden.error.status, golden.error.kind):
            return [Difference("$", str(error), str(golden.error), "it failed in another way")]
        return []
    if golden.error is not None:
        return [Difference("$", outcome, str(golden.error), "the request did not fail")]
    return differences(outcome, golden.answer, tolerance=tolerance, equal_nan=True)


def _write(target: Path, recorded: Mapping[str, Golden]) -> None:
    """Merge golden answers into those of *target*."""
    if target.is_dir() and not (target / RECORD_NAME).is_file():
        folder = target / SAMPLES_FOLDER if (target / METADATA_FOLDER).is_dir() else target
        for name, content in _merged(FolderFiles(folder), recorded).items():
            _replace(folder / name, content)
        return
    with Archive.open(target) as archive:
        merged = _merged(ArchiveFiles(archive, SAMPLES_FOLDER), recorded)
    if merged:
        put_into_archive(target, {f"{SAMPLES_FOLDER}/{name}": merged[name] for name in merged})


def _merged(files: Files, recorded: Mapping[str, Golden]) -> dict[str, bytes]:
    """The contents of the files with golden answers, those that were there among them."""
    names = frozenset(files.names())
    missing = sorted(recorded.keys() - set(sample_names(names)))
    if missing:
        raise SampleError(
            f"{files.where} has no sample {', '.join(missing)}: golden answers lie beside samples"
        )
    merged = {}
    for name, golden in recorded.items():
        file = f"{name}{GOLDEN_SUFFIX}"
        there = parse_goldens(f"{files.where}/{file}", files.read(file)) if file in names else ()
        others = [each for each in there if each.key != golden.key]
        merged[file] = render_goldens([*others, golden])
    return merged


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside *path* and rename it."""
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SampleError(f"{path} cannot be written: {error.strerror or error}") from error


def _words(key: tuple[str, str]) -> str:
    return f"{key[0]} on {key[1]}"

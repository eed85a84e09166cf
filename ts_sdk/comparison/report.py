"""`Comparison`: what differs between two archives, and the records that it is made of."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ts_sdk.comparison.changes import (
    MemberChange,
    RequirementChange,
    TextDiff,
    ValueChange,
    plain,
)

OF_PACKING = frozenset({"createdOn", "archiverVersion"})
"""Keys of the manifest that say when and by what an archive was packed, and nothing of it."""


@dataclass(frozen=True)
class ComparedArchive:
    """One of the archives.

    Attributes:
        path: Where it is.
        form: ``mar``, ``tgz`` or ``folder``.
        name: The model's name.
        version: The model's version, None where it has none.
        members: How many files it has, its manifest and RECORD left out.
        size_bytes: Their size together, unpacked.
        has_manifest: Whether it has a manifest; without one, what it would say is assumed.
    """

    path: Path
    form: str
    name: str
    version: str | None
    members: int
    size_bytes: int
    has_manifest: bool


@dataclass(frozen=True)
class TensorFacts:
    """What a tensor is.

    Attributes:
        shape: Its sizes.
        dtype: Its number format, as torch calls it: ``float32``.
    """

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class TensorChange:
    """A tensor that is not the same in both files of weights.

    Attributes:
        name: Its name.
        old: What it is in the old file, None where it is not in there.
        new: What it is in the new file, None where it is not in there.
        largest: The largest absolute change of a number, infinite where a number became NaN or
            infinity or the other way round; None where the numbers cannot be compared.
        relative: The length (L2 norm) of the change as a share of the old tensor's.
        note: What else there is to know, None when there is nothing.
    """

    name: str
    old: TensorFacts | None
    new: TensorFacts | None
    largest: float | None = None
    relative: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class WeightsComparison:
    """Two files of weights whose bytes differ.

    Attributes:
        old: The member of the old archive.
        new: The member of the new archive.
        old_form: What it is, such as ``safetensors``.
        new_form: The same of the new one.
        unchanged: How many tensors are the same, bit for bit.
        tensors: Those that are not.
        values: What else they hold by name and differs, such as a number of epochs.
        parts: What differs in them beside the weights, such as code.
        old_prefix: What the names of all old tensors begin with, and those of the new do not, such
            as ``module.``; the records leave it out.
        new_prefix: The same of the new ones.
        problem: Why only their bytes were compared, None when the tensors were.
    """

    old: str
    new: str
    old_form: str
    new_form: str
    unchanged: int = 0
    tensors: tuple[TensorChange, ...] = ()
    values: tuple[ValueChange, ...] = ()
    parts: tuple[str, ...] = ()
    old_prefix: str = ""
    new_prefix: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class AnswerDifference:
    """A place at which the answers to one sample differ.

    Attributes:
        place: The place as a JSON path, such as ``$.boxes[0].score``.
        old: What the old archive answers there, shortened; ``nothing`` where it answers nothing.
        new: The same of the new archive.
        reason: In what they differ, and what is allowed; None where one answers nothing.
    """

    place: str
    old: str
    new: str
    reason: str | None


@dataclass(frozen=True)
class AnswerComparison:
    """The answers to one sample.

    Attributes:
        sample: Its name.
        differences: Where they differ by more than the tolerance.
        old_error: Why the old archive did not answer, None when it did.
        new_error: Why the new archive did not answer, None when it did.
        refused: Whether both did not for the sender's fault (a status from 400 to 499).
    """

    sample: str
    differences: tuple[AnswerDifference, ...] = ()
    old_error: str | None = None
    new_error: str | None = None
    refused: bool = False

    @property
    def agrees(self) -> bool:
        """Whether both answered the same within the tolerance, or refused it in the same words."""
        if self.old_error is None and self.new_error is None:
            return not self.differences
        return self.refused and self.old_error == self.new_error


@dataclass(frozen=True)
class Measured:
    """What one archive took to answer the samples.

    Attributes:
        device: Where it ran, None when it could not be loaded.
        precision: What it computed in.
        load_ms: Milliseconds until it was ready, the imports of its handler included.
        request_ms: Milliseconds for one request: the median over the rounds, each of which is the
            mean over the samples. None when there was no round.
        spread_ms: The quartiles around that median.
        weights_bytes: Memory of the weights; None when they cannot be seen.
        peak_bytes: The most memory that its process had, Python and torch included; None where the
            system does not say.
        peak_cuda_bytes: The most memory that its tensors had on the GPU, None on the CPU.
        problem: Why it could not be loaded or stopped answering, None when it did not.
    """

    device: str | None = None
    precision: str | None = None
    load_ms: float | None = None
    request_ms: float | None = None
    spread_ms: tuple[float, float] | None = None
    weights_bytes: int | None = None
    peak_bytes: int | None = None
    peak_cuda_bytes: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class RunComparison:
    """Both archives, run on the same samples, each in a process of its own.

    Attributes:
        rtol: Relative tolerance of a number in an answer.
        atol: Absolute tolerance of a number in an answer.
        rounds: How often the samples were answered for the latency.
        answers: One record a sample; empty when an archive could not be loaded.
        old: What the old archive took.
        new: What the new archive took.
        times_ratio: The new archive's time for a round over the old one's in the same round: the
            median over the rounds, None when there was none.
    """

    rtol: float
    atol: float
    rounds: int
    answers: tuple[AnswerComparison, ...]
    old: Measured
    new: Measured
    times_ratio: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether both did the same with every sample; see `AnswerComparison.agrees`."""
        return bool(self.answers) and all(answer.agrees for answer in self.answers)


@dataclass(frozen=True)
class Comparison:
    """What differs between two archives; `ts_sdk.compare` makes it.

    Attributes:
        old: The one archive.
        new: The other.
        manifest: Values of the manifests that differ.
        members: Files that differ, the manifests and RECORDs left out.
        unchanged_members: How many files have the same name and the same bytes.
        weights: Pairs of files of weights whose bytes differ.
        texts: The diffs of handler code and other text files, but for those whose change is told
            by *requirements*, *labels* or *config*.
        requirements: Packages that are asked for in different ways.
        labels: Classes with another name, by their index in ``index_to_name.json``.
        config: Values of the model configs (``model-config.yaml``) that differ.
        run: Answers, latency and memory, None when the archives were not run.
    """

    old: ComparedArchive
    new: ComparedArchive
    manifest: tuple[ValueChange, ...] = ()
    members: tuple[MemberChange, ...] = ()
    unchanged_members: int = 0
    weights: tuple[WeightsComparison, ...] = ()
    texts: tuple[TextDiff, ...] = ()
    requirements: tuple[RequirementChange, ...] = ()
    labels: tuple[ValueChange, ...] = ()
    config: tuple[ValueChange, ...] = ()
    run: RunComparison | None = None

    @property
    def same_contents(self) -> bool:
        """Whether the contents are the same, but for when and by what they were packed."""
        return not self.members and all(each.place in OF_PACKING for each in self.manifest)

    @property
    def same(self) -> bool:
        """Whether the contents are the same and, where both were run, the answers too."""
        return self.same_contents and (self.run is None or self.run.agrees)

    def to_dict(self) -> dict[str, Any]:
        """Everything in JSON's types; NaN and infinity are texts."""
        found = {"same": self.same, **asdict(self)}
        for name in ("manifest", "labels", "config"):
            found[name] = _changes(getattr(self, name))
        for told, pair in zip(found["weights"], self.weights, strict=True):
            told["values"] = _changes(pair.values)
        if self.run is not None:
            found["run"]["agrees"] = self.run.agrees
        return {key: _in_json(value) for key, value in found.items()}


def _changes(changes: Sequence[ValueChange]) -> list[dict[str, Any]]:
    return [change.to_dict() for change in changes]


def _in_json(value: Any) -> Any:  # noqa: ANN401 - what a report holds
    if isinstance(value, dict):
        return {key: _in_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return plain(value)

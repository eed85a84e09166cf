"""Converting an archive's model to another form, and checking that it answers as before."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archiver import DEFAULT_LIMITS, Archive, Limits, TargetExistsError
from archiver.publishing.replacement import refusal
from ts_sdk.conversion.forms import Form
from ts_sdk.errors import ConversionError
from ts_sdk.precision import Precision

__all__ = ["Conversion", "Form", "convert"]


@dataclass(frozen=True)
class Conversion:
    """What became of a model.

    Attributes:
        path: The new archive.
        form: What its model is now.
        precision: What that computes in.
        difference: The largest distance of an output from the original's, as a share of the
            largest number in that output.
        tolerance: What was allowed.
        batch_sizes: The batches that were compared; one size alone where the batch is fixed.
        note: What to know about it, None when there is nothing.
    """

    path: Path
    form: Form
    precision: Precision
    difference: float
    tolerance: float
    batch_sizes: tuple[int, ...]
    note: str | None = None


def convert(  # noqa: PLR0913 - options given by name
    archive: str | os.PathLike[str],
    *,
    to: str,
    samples: Sequence[object],
    target: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    precision: str | None = None,
    dynamic: bool = True,
    trust_pickle: bool = False,
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Conversion:
    """Convert the model of *archive* and pack it into a new archive with the same handler.

    The handler answers the samples, alone and several in a batch; what it calls its model with
    becomes the example for the conversion. The new archive answers them too, and its model's
    outputs have to agree with the original's.

    Args:
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        to: ``safetensors``, ``torchscript``, ``pt2``, ``aoti`` or ``onnx``.
        samples: Requests as `Model.predict` takes them, at least one. Sizes that differ among them,
            such as the length of a text, may differ in the new model too.
        target: The new archive; None puts ``<name>-<form>.mar`` into the working directory.
        device: Where the model is converted and compared: ``cpu`` or ``cuda``. An AOTInductor
            package runs there only.
        precision: What the new model computes in; None takes the archive's own, else ``float32``.
        dynamic: Whether the batch may be of any size; otherwise it is as the samples make it.
        trust_pickle: Whether the serialized model may be a pickle of more than weights.
        force: Whether an existing target is replaced.
        limits: Bounds on what the archive may hold.

    Returns:
        What was written.

    Raises:
        ConversionError: The model has no such form, or answers otherwise in it; the message says
            which forms it could have. Nothing is written.
        LoadError: The archive's model cannot be loaded.
        archiver.ArchiveError: The archive is damaged, or the target exists or cannot be written.
    """
    from ts_sdk.conversion.work import Work

    form = Form.parse(to)
    if not samples:
        raise ConversionError("there is no sample: give at least one request that is answered well")
    with Archive.open(archive, limits=limits) as opened:
        path = _target(opened, form, target)
        reason = refusal(path, is_folder=False, force=force)
        if reason is not None:
            raise TargetExistsError(path, reason)
        with tempfile.TemporaryDirectory(prefix="mar-convert-") as folder:
            work = Work(opened, form, Path(folder), device, precision, trust_pickle=trust_pickle)
            agreement, batch_sizes, note = work.run(samples, dynamic=dynamic)
            packed = work.space.pack(path, force=force)
    return Conversion(
        packed.path,
        form,
        work.precision,
        agreement.difference,
        agreement.tolerance,
        batch_sizes,
        note,
    )


def _target(archive: Archive, form: Form, target: str | os.PathLike[str] | None) -> Path:
    name = f"{archive.manifest.model.model_name}-{form}.mar"
    if target is None:
        return Path(name)
    return Path(target) / name if Path(target).is_dir() else Path(target)

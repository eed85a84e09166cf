"""One conversion, from the archive to a folder with the converted model in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ts_sdk.config import ModelConfig
from ts_sdk.conversion.comparing import Agreement, compare
from ts_sdk.conversion.example import Example
from ts_sdk.conversion.forms import Form
from ts_sdk.conversion.recording import Recording, module_of, record, record_again
from ts_sdk.conversion.repacking import Workspace
from ts_sdk.errors import ConversionError, LoadError
from ts_sdk.formats.exported_program import ExportedModel
from ts_sdk.formats.fixed import FixedModel
from ts_sdk.loader import load
from ts_sdk.precision import Precision

if TYPE_CHECKING:
    from torch import nn

    from archiver import Archive
    from ts_sdk.model import Model

_COMPILATION = "pt2"
_PRECISION = "precision"
_BATCH_SIZE = "batchSize"


class Work:
    """Converts the model of *archive* in *folder*.

    Attributes:
        precision: What the new model computes in.
        space: The archive's members, changed by `run`.
    """

    def __init__(
        self,
        archive: "Archive",
        form: Form,
        folder: Path,
        device: str,
        precision: str | None,
        *,
        trust_pickle: bool,
    ) -> None:
        self.space = Workspace(archive, folder / "archive")
        config = ModelConfig(self.space.config)
        self.precision = Precision.parse(precision or config.precision or Precision.FLOAT32)
        self._kept = config.keep_float32
        self._form = form
        self._folder = folder
        self._device = device
        self._trust_pickle = trust_pickle

    def run(
        self, samples: Sequence[object], *, dynamic: bool
    ) -> tuple[Agreement, tuple[int, ...], str | None]:
        """Convert, and compare the answers to *samples*.

        Args:
            samples: Requests, as `Model.predict` takes them.
            dynamic: Whether the batch may be of any size.

        Returns:
            How near the answers are, the sizes of the batches that were compared, and what to know
            about the result.

        Raises:
            ConversionError: The model has no such form, or answers otherwise in it.
        """
        self._refuse_kept_layers()
        # The model as it is: neither compiled nor converted to another precision yet.
        for key in (_COMPILATION, _PRECISION):
            self.space.config.pop(key, None)
        self.space.save()
        written = self._folder / f"written/model{self._form.suffix}"
        written.parent.mkdir()
        with self._load(Precision.FLOAT32) as model:
            recording = record(model, samples, dynamic=dynamic)
            self._write(module_of(model), recording, written)
        self._replace(written, recording)
        try:
            converted = self._load(None)
        except LoadError as error:
            raise ConversionError(
                f"the model was converted to {self._form}, and cannot be loaded here: {error}"
            ) from error
        with converted:
            answers = record_again(converted, recording)
        agreement = compare(recording.calls, answers, self.precision.dtype)
        sizes = tuple(sorted({len(requests) for requests, _ in recording.batches}))
        return agreement, sizes, self._note(recording)

    def _note(self, recording: Recording) -> str | None:
        """What to know about the result; None when there is nothing."""
        notes = []
        if recording.fixed is not None:
            notes.append(f"the batch size is fixed at 1: {recording.fixed}")
        if self._form.is_exported:
            lengths = Example.of(recording.calls).fixed_lengths
            notes += [
                f"inputs of whole numbers are fixed at {length} a row, since all samples had as "
                "many: for texts of any length, give samples of several lengths"
                for length in lengths
            ]
        return "; ".join(notes) or None

    def _load(self, precision: Precision | None) -> "Model":
        return load(
            self.space.folder,
            device=self._device,
            precision=precision,
            trust_pickle=self._trust_pickle,
            tuned=False,
        )

    def _write(self, module: "nn.Module", recording: Recording, path: Path) -> None:
        self._refuse(module)
        match self._form:
            case Form.SAFETENSORS:
                from ts_sdk.conversion.weights import write_safetensors

                write_safetensors(module, path)
            case Form.TORCHSCRIPT:
                from ts_sdk.conversion.scripting import write_torchscript

                write_torchscript(module, Example.of(recording.calls), path)
            case _:
                from ts_sdk.conversion import exporting

                example = Example.of(recording.calls)
                program = exporting.export(module, example, self.precision, self.space.folder)
                if self._form is Form.PT2:
                    exporting.write_program(program, path)
                elif self._form is Form.AOTI:
                    exporting.write_package(program, path)
                else:
                    from ts_sdk.conversion.onnx import write_onnx

                    write_onnx(program, path)

    def _refuse_kept_layers(self) -> None:
        if self._kept and self._form.is_exported and self.precision is not Precision.FLOAT32:
            raise ConversionError(
                f"model-config.yaml keeps layers in float32 ({', '.join(self._kept)}), which is "
                f"not drawn into {self._form}: convert it in one precision (--precision float32), "
                "or to safetensors or torchscript"
            )

    def _refuse(self, module: "nn.Module") -> None:
        """Say so when the model's present form has lost what the new one is made of."""
        if isinstance(module, FixedModel):
            raise ConversionError(
                f"{module.name} is {module.form}, which cannot be converted any further: start "
                "from the archive that it was made of"
            )
        if isinstance(module, torch.jit.ScriptModule) and self._form is not Form.TORCHSCRIPT:
            raise ConversionError(
                f"the model is TorchScript, which has no Python code to make {self._form} of: "
                "start from its state dict and a model file"
            )
        if isinstance(module, ExportedModel) and not self._form.is_exported:
            raise ConversionError(
                f"the model is an exported program, of which {self._form} cannot be made; pt2, "
                "aoti and onnx can"
            )
        if self._form is Form.SAFETENSORS and self.space.manifest.model.model_file is None:
            raise ConversionError(
                "safetensors holds weights only, and the archive has no model file that defines "
                "the module; torchscript, pt2, aoti and onnx need none"
            )

    def _replace(self, written: Path, recording: Recording) -> None:
        """Put the written model into the archive's folder, with what the config says of it."""
        model = self.space.manifest.model
        stem = Path(model.serialized_file or model.model_name).name.partition(".")[0]
        self.space.replace_model(
            written, f"{stem}{self._form.suffix}", needs_model_file=not self._form.holds_code
        )
        if not self._form.is_exported and self.precision is not Precision.FLOAT32:
            word = str(self.precision)
            section = {"dtype": word, "keep_float32": list(self._kept)}
            self.space.config[_PRECISION] = section if self._kept else word
        if recording.fixed is not None and self.space.config.get(_BATCH_SIZE, 1) != 1:
            self.space.config[_BATCH_SIZE] = 1
        self.space.save()

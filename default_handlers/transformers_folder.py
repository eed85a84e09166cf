"""A model as `save_pretrained` of transformers writes it: `config.json` and its weights."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from default_handlers.scores import Activation
from default_handlers.tokens import TOKENIZER, read_json
from ts_sdk.errors import ConfigError, LoadError, ModelFormatError

if TYPE_CHECKING:
    from torch import nn

CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_INDEX = ".index.json"
_MODEL_TYPE = re.compile(r"[a-zA-Z0-9_-]+")


class TransformersConfig:
    """What `config.json` says; nothing where it is no such file.

    Args:
        folder: Where the file is; None for nowhere.

    Attributes:
        model_type: The kind of model, such as ``bert``; None where there is no such file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._values: Mapping[str, Any] = {} if folder is None else read_json(folder / CONFIG)
        word = self._values.get("model_type")
        is_one = isinstance(word, str) and _MODEL_TYPE.fullmatch(word)
        self.model_type = word if is_one else None

    @property
    def labels(self) -> dict[str, str] | None:
        """Class number as text → class name; None where the file does not name the classes."""
        named = self._values.get("id2label")
        if self.model_type is None or not isinstance(named, Mapping) or not named:
            return None
        return {str(number): str(name) for number, name in named.items()}

    @property
    def activation(self) -> Activation:
        """What makes probabilities: of several classes at once, or of a single one, the sigmoid."""
        kind = self._values.get("problem_type")
        is_single = self.labels is not None and len(self.labels) == 1
        return "sigmoid" if kind == "multi_label_classification" or is_single else "softmax"

    @property
    def has_token_types(self) -> bool:
        """Whether the model tells parts of a text apart; for others the types are tokens."""
        return bool(self._values.get("type_vocab_size"))

    @property
    def can_pad(self) -> bool:
        """Whether the model knows a token that fills up, without which it takes one text a call."""
        return self._values.get("pad_token_id") is not None


def is_of_transformers(model: object) -> bool:
    """Whether *model* is one of transformers' own."""
    return type(model).__module__.partition(".")[0] == "transformers"


def check_size(model: Any, tokens: int) -> None:  # noqa: ANN401 - transformers need not be installed
    """Check that *model* knows as many tokens as the tokenizer has.

    Raises:
        ConfigError: It knows fewer. On a GPU, one that it does not know ends all work there.
    """
    known = getattr(model.get_input_embeddings(), "num_embeddings", tokens)
    if known < tokens:
        raise ConfigError(
            f"{TOKENIZER} has {tokens:,} tokens and the model knows {known:,}: it is that of "
            "another model"
        )


def is_weights_file(name: str) -> bool:
    """Whether transformers calls a file of weights so."""
    return name.removesuffix(_INDEX) in _WEIGHTS


def load_classifier(folder: Path, model_type: str) -> "nn.Module":
    """The model in *folder*, in float32 on the CPU; no code of the folder is run.

    Args:
        folder: What `save_pretrained` wrote.
        model_type: What its `config.json` says.

    Raises:
        LoadError: transformers is not installed.
        ModelFormatError: It cannot load the folder, or the weights of the classifier's last layers
            are not there.
    """
    try:
        from transformers import AutoModelForSequenceClassification
    except ImportError as error:
        raise LoadError(
            f"{CONFIG} is that of a {model_type} model of the library transformers, which cannot "
            f"be imported ({error}): pip install transformers, or pack a TorchScript or exported "
            "program of the model",
            phase="load model",
        ) from error
    try:
        with _without_progress_bars():
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:
        # The library raises many errors, and those of all that it is built on.
        raise ModelFormatError(
            f"transformers cannot load the {model_type} model of {CONFIG}: "
            f"{str(error).strip() or type(error).__name__}"
        ) from error
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ModelFormatError(
            f"the weights do not hold {', '.join(missing[:5])}: it is a {model_type} model that "
            "was not trained as a classifier; pack the one that was"
        )
    module: nn.Module = model.float()
    return module


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing on the terminal of whoever loads the archive."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()

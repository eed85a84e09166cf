"""Models as the library transformers saves them, which `TextClassifier` loads by their files."""

import json
import re

from ts_sdk.doctor.subject import Subject

CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_INDEX = ".index.json"
_MODEL_TYPE = re.compile(r"[a-zA-Z0-9_-]+")


def transformers_model_type(subject: Subject) -> str | None:
    """The kind of model, such as ``bert``, that the handler certainly has transformers load.

    `TextClassifier` does so where `config.json` says a kind, and the archive names weights of the
    usual name or no model at all.
    """
    model = subject.model
    if not (subject.is_for_text and subject.needs_model) or model.model_file is not None:
        return None
    if model.serialized_file is not None and not (
        subject.loads_by_base and model.serialized_file.removesuffix(_INDEX) in _WEIGHTS
    ):
        return None
    try:
        config = json.loads(subject.text(CONFIG) or b"")
    except (ValueError, RecursionError):
        return None
    word = config.get("model_type") if isinstance(config, dict) else None
    return word if isinstance(word, str) and _MODEL_TYPE.fullmatch(word) else None

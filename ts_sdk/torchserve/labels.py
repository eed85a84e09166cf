"""Class names, with TorchServe's calls."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ts_sdk.labels import read_labels_file

_logger = logging.getLogger(__name__)


def load_label_mapping(mapping_file_path: str | os.PathLike[str]) -> dict[str, str] | None:
    """The class names in a file such as `index_to_name.json`.

    Args:
        mapping_file_path: The file.

    Returns:
        Class number as text → name; None, with a warning, where there is no file.

    Raises:
        ConfigError: The file is not JSON or has another shape.
    """
    labels = read_labels_file(Path(mapping_file_path))
    if labels is None:
        _logger.warning(
            "there is no %s: answers have class numbers in place of names", mapping_file_path
        )
    return labels


def map_class_to_label(
    probs: list[Sequence[float]],
    mapping: Mapping[str, str] | None = None,
    lbl_classes: Iterable[Sequence[int]] | None = None,
) -> list[dict[str, float]]:
    """Name the probabilities of each row.

    Args:
        probs: B rows of K probabilities.
        mapping: Class number as text → name; a class that is not in it has its number.
        lbl_classes: B rows of K class numbers; None for 0 to K - 1 in each.

    Returns:
        One ``{name: probability}`` for each row.

    Raises:
        TypeError: The rows are no list, or the names are no mapping.
    """
    if not isinstance(probs, list):
        raise TypeError(
            f"map_class_to_label() was given a {type(probs).__name__}: call tolist() on it"
        )
    if mapping is not None and not isinstance(mapping, Mapping):
        raise TypeError(
            "map_class_to_label() takes the names as a dict of class number as text to name, not "
            f"a {type(mapping).__name__}"
        )
    names = mapping or {}
    classes = (range(len(row)) for row in probs) if lbl_classes is None else lbl_classes
    return [
        {
            names.get(str(number), str(number)): probability
            for number, probability in zip(numbers, row, strict=False)
        }
        for numbers, row in zip(classes, probs, strict=False)
    ]

"""Files of a model's folder."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def get_yaml_config(yaml_file_path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - what the file holds
    """What a file such as `model-config.yaml` holds.

    Raises:
        OSError: It cannot be read.
        yaml.YAMLError: It is no YAML.
    """
    import yaml

    return yaml.safe_load(Path(yaml_file_path).read_text(encoding="utf-8"))


def copy_files(
    src_dir: str | os.PathLike[str],
    dst_dir: str | os.PathLike[str],
    files: Mapping[str, str],
) -> None:
    """Copy files.

    Args:
        src_dir: The folder that they are in.
        dst_dir: The folder that they are copied to.
        files: Name in the one → name in the other.
    """
    for source, target in files.items():
        shutil.copyfile(Path(src_dir, source), Path(dst_dir, target))

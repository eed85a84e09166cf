"""Where ``mar run --draw`` writes its pictures."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.cli.inputs import Input, check_kept
from ts_sdk.cli.usage import UsageError
from ts_sdk.errors import RequestError

if TYPE_CHECKING:
    from ts_sdk.model import Model

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_UNSUITABLE = '<>:"/\\|?* '


@dataclass(frozen=True)
class Drawings:
    """The pictures of a run.

    Attributes:
        inputs: What is answered, each of which can be read twice.
        files: For each of them the file that its answer is drawn to.
    """

    inputs: list[Input]
    files: list[Path]

    @classmethod
    def planned(cls, target: Path, inputs: Sequence[Input]) -> "Drawings":
        """One file for one input, else one a piece in a folder, named for the inputs.

        Raises:
            UsageError: *target* is no folder that there is, and no file that can be written; or an
                input would be written over.
        """
        twice = [Input(each.name, cache(each.read)) for each in inputs]
        if target.is_dir():
            files = [target / name for name in names_of(inputs)]
            check_kept(inputs, files, f"--draw {target}")
            return cls(twice, files)
        if len(inputs) > 1:
            raise UsageError(
                f"--draw {target}: {len(inputs)} inputs are drawn to as many files; name a folder "
                "that is there"
            )
        if target.suffix.lower() not in _SUFFIXES:
            raise UsageError(f"--draw {target}: the name must end in {', '.join(_SUFFIXES)}")
        if not target.absolute().parent.is_dir():
            raise UsageError(f"--draw {target}: there is no folder {target.parent}")
        check_kept(inputs, [target], f"--draw {target}")
        return cls(twice, [target])

    def draw(
        self, position: int, model: "Model", answer: object, write_error: Callable[[str], None]
    ) -> bool:
        """Draw the answer to the input at *position*; returns whether that went well.

        Args:
            position: Which input, counted from 0.
            model: What answered it.
            answer: What it answered.
            write_error: Prints why it did not go well.
        """
        asked = self.inputs[position]
        try:
            with redirect_stdout(sys.stderr):
                model.draw(answer, asked.read()).save(self.files[position])
        except (RequestError, OSError, ValueError) as error:  # Pillow's, of what it cannot write
            reason = error.message if isinstance(error, RequestError) else error
            write_error(f"mar: {asked.name}: the answer was not drawn: {reason}")
            return False
        return True


def names_of(inputs: Sequence[Input]) -> list[str]:
    """The name of a PNG file for each input; those that would be the same are numbered."""
    names: list[str] = []
    for asked in inputs:
        stem = Path(asked.name).stem.strip(_UNSUITABLE) or "input"
        numbered = chain([f"{stem}.png"], (f"{stem} {number}.png" for number in count(2)))
        names.append(next(name for name in numbered if name not in names))
    return names

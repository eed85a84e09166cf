"""Where the archives and the inputs that a config names are on this machine."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from ts_sdk.benchmarking.torchserve_config import Entry

_WORKFLOW = ".war"


@dataclass(frozen=True)
class Places:
    """Where to look.

    Attributes:
        model_store: The folder that archives are in by their names; None for none.
        given: The inputs that are sent in place of those that configs name; None for those.
    """

    model_store: Path | None = None
    given: tuple[Path, ...] | None = None

    def archive(self, entry: Entry, problems: list[str]) -> Path | None:
        """The archive that *entry* names; None, and a problem told, where it is not here."""
        address = urlparse(entry.url)
        name = Path(unquote(address.path)).name
        if name.endswith(_WORKFLOW):
            problems.append(
                f"{entry.name}: {name} is a workflow of several models; benchmark the archives "
                "that it is made of"
            )
            return None
        stored = None if self.model_store is None else self.model_store / name
        if stored is not None and stored.exists():
            return stored
        if address.scheme in ("", "file"):
            path = Path(unquote(address.path) if address.scheme else entry.url)
            found = _beside(entry.config, path)
            if found is None:
                problems.append(
                    f"{entry.name}: there is no archive {entry.url}, neither from here nor from "
                    f"the folder of {entry.config.name}; --model-store says where archives are"
                )
            return found
        problems.append(
            f"{entry.name}: {entry.url} is not on this machine, and nothing is downloaded: "
            f"download it into a folder, and give that as --model-store"
        )
        return None

    def inputs(self, entry: Entry, problems: list[str]) -> tuple[Path, ...] | None:
        """The files to send; None, and a problem told, where they are not here."""
        if self.given is not None:
            return self.given
        found = _beside(entry.config, Path(entry.input))
        if found is None or not found.is_file():
            problems.append(
                f"{entry.name}: there is no input {entry.input}, neither from here nor from the "
                f"folder of {entry.config.name}; --input sends another"
            )
            return None
        return (found,)


def _beside(config: Path, path: Path) -> Path | None:
    """*path* as it is, or from the folder that *config* is in."""
    return next((each for each in (path, config.parent / path) if each.exists()), None)

"""What TorchServe 0.12 made of the corpus; ``python -m tests.torchserve.record`` wrote it."""

import json
from collections.abc import Mapping
from pathlib import Path

from torchserve_corpus.case import Case
from torchserve_corpus.outcome import Outcome

FILE = Path(__file__).with_name("recorded.json")
AGAIN = "python -m tests.torchserve.record writes it anew"


def read() -> dict[str, tuple[str, Outcome]]:
    """The digest of each case when it was recorded, and its outcome, by the case's name."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: (told.pop("case"), Outcome.from_json(told)) for name, told in found.items()}


def write(cases: list[Case], outcomes: Mapping[str, Outcome]) -> None:
    """Record the outcomes of *cases*."""
    told = {case.name: {"case": case.digest, **outcomes[case.name].to_json()} for case in cases}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    FILE.write_text(f"{text}\n", encoding="utf-8")

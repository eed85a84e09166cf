"""Archives and requests as people have them for TorchServe, and what TorchServe 0.12 answers."""

from torchserve_corpus.case import Case, Differs, Reply, Sent
from torchserve_corpus.outcome import Outcome, differences, unmet

__all__ = ["Case", "Differs", "Outcome", "Reply", "Sent", "all_cases", "differences", "unmet"]


def all_cases() -> list[Case]:
    """Every case, by subject."""
    from torchserve_corpus import (
        answers,
        defaults,
        envelopes,
        failures,
        imports,
        metrics,
        models,
        places,
        responses,
        rows,
        shapes,
        streams,
        wishes,
    )

    modules = (shapes, rows, answers, failures, responses, streams, wishes, metrics, envelopes)
    return [
        case for module in (*modules, models, defaults, places, imports) for case in module.cases()
    ]

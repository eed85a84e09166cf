"""Which of the objects that a model found are answered."""

from collections.abc import Collection
from dataclasses import dataclass

import torch

from default_handlers.found import Found


@dataclass(frozen=True)
class Selection:
    """The rules, in the order in which they are applied.

    Attributes:
        classes: Numbers of the classes that are wanted; None for all.
        threshold: The least score.
        nms: Of two objects whose boxes overlap by more than this (intersection over union), only
            the one with the higher score stays; None keeps both.
        nms_per_class: Whether only objects of one class are compared.
        max_boxes: How many objects stay, those with the highest scores; None for all.
    """

    classes: Collection[int] | None = None
    threshold: float = 0.0
    nms: float | None = None
    nms_per_class: bool = True
    max_boxes: int | None = None

    def of(self, found: Found) -> Found:
        """The objects that stay, in the model's order; one whose score is no number stays."""
        kept = ~(found.scores < self.threshold)
        if self.classes is not None:
            wanted = torch.tensor(sorted(self.classes), device=found.labels.device)
            kept &= torch.isin(found.labels, wanted)
        found = found[kept]
        if self.nms is not None:
            found = found[_in_order(self._without_overlaps(found, self.nms))]
        if self.max_boxes is not None and len(found) > self.max_boxes:
            found = found[_in_order(found.scores.topk(self.max_boxes).indices)]
        return found

    def _without_overlaps(self, found: Found, most: float) -> torch.Tensor:
        from torchvision.ops import batched_nms, nms  # which takes as long to import as torch

        kept: torch.Tensor = (
            batched_nms(found.boxes, found.scores, found.labels, most)
            if self.nms_per_class
            else nms(found.boxes, found.scores, most)
        )
        return kept


def _in_order(places: torch.Tensor) -> torch.Tensor:
    return places.sort().values

"""The network that tells a good review from a bad one: a bag of words and pairs of words."""

import torch
from torch import nn

WORDS = 20_000  # words and pairs that it knows, unknown ones included
FEATURES = 16


class ReviewNet(nn.Module):
    """Classify texts, given as the numbers of their words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(WORDS, FEATURES, mode="mean")
        self.dropout = nn.Dropout()
        self.classifier = nn.Linear(FEATURES, 2)

    def forward(self, numbers: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(B, 2)``, one for each class.

        Args:
            numbers: Those of the words of all texts, one text behind the other.
            offsets: Where each text begins, ``(B,)``.
        """
        bags = self.embedding(numbers, offsets)
        logits: torch.Tensor = self.classifier(self.dropout(bags))
        return logits

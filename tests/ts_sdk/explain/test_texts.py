"""Texts: words of a vocabulary and tokens of a tokenizer, explained exactly."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ts_sdk import Request
from ts_sdk.explain import Method

SUM_OF_BAG = """
import torch
from torch import nn


class SumOfBag(nn.Module):
    '''Three classes: how many words there are, the sum of their numbers, and nothing.'''

    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(10, 3, mode="sum")
        numbers = torch.arange(10.0)
        weights = torch.stack([torch.ones(10), numbers / 10, torch.zeros(10)], dim=1)
        self.embedding.weight = nn.Parameter(weights)

    def forward(self, numbers, offsets):
        return self.embedding(numbers, offsets)
"""
SUM_OF_TOKENS = """
import torch
from torch import nn


class SumOfTokens(nn.Module):
    '''Two classes: the sum of the tokens' numbers that the mask leaves, and its negative.'''

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 2)
        numbers = torch.arange(7.0)
        self.embedding.weight = nn.Parameter(torch.stack([numbers, -numbers], dim=1))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        return (self.embedding(input_ids) * attention_mask[..., None]).sum(1)
"""
VOCABULARY = {"<unk>": 0, "the": 1, "cat": 2, "is": 3, "not": 4, "the cat": 5, "is not": 6}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "one", "two", "three"]
GROUPS = ["the", "cat", "is", "not", "the cat", "is not"]


@pytest.fixture
def bag(load_folder, saved):
    def load(**options):
        no_unknown = {word: number for word, number in VOCABULARY.items() if number}
        files = {"model.py": SUM_OF_BAG, "source_vocab.pt": saved(no_unknown)}
        return load_folder(files, handler="text_classifier", model_file="model.py", **options)

    return load


@pytest.fixture
def tokens(load_folder):
    words = {word: n for n, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    files = {"model.py": SUM_OF_TOKENS, "tokenizer.json": tokenizer.to_str()}
    return load_folder(files, handler="text_classifier", model_file="model.py")


@pytest.mark.parametrize("method", ["auto", "feature_ablation", "shapley_sampling", "kernel_shap"])
def test_each_word_of_a_vocabulary_adds_its_own(bag, method):
    found = bag().explain("The cat is not", target=1, method=method)
    assert found.words == GROUPS
    assert found.attributions.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], abs=1e-3)
    if method == "auto":
        assert found.method is Method.LAYER_INTEGRATED_GRADIENTS
        assert found.delta == pytest.approx(0, abs=1e-5)


def test_each_token_adds_its_own(tokens):
    found = tokens.explain("three one two", target=0)
    assert found.words == ["three", "one", "two"]
    assert found.attributions.tolist() == pytest.approx([6, 4, 5], abs=1e-4)
    assert tokens.explain("three one", target=1).attributions.tolist() == pytest.approx(
        [-6, -4], abs=1e-4
    )
    covered = tokens.explain("three one two", target=0, method="feature_ablation")
    assert covered.attributions.tolist() == pytest.approx([6, 4, 5], abs=1e-4)


def test_a_token_that_there_is_not_is_no_baseline(tokens):
    from ts_sdk.errors import ExplanationError

    with pytest.raises(
        ExplanationError, match=r"the model fails on what occlusion gives it .*range"
    ):
        tokens.explain("three one", method="occlusion", baseline=999)


def test_what_is_not_measured_of_tokens_is_said(tokens):
    found = tokens.explain("three one", target=0, measures=True)
    assert found.infidelity is None
    assert found.note == "infidelity and sensitivity are not measured of tokens"


def test_padding_is_no_word(load_folder):
    words = {word: n for n, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=5, pad_id=0, pad_token="[PAD]")  # noqa: S106 - as above
    files = {"model.py": SUM_OF_TOKENS, "tokenizer.json": tokenizer.to_str()}
    model = load_folder(files, handler="text_classifier", model_file="model.py")
    answer = model.predict(Request({"data": "three one"}, {"explain": "True"}))
    assert answer["words"] == ["three", "one"]
    assert answer["importances"] == pytest.approx([6, 4], abs=1e-4)
    assert model.explain("three one", target=0).words == ["three", "one", "", "", ""]


def test_tokens_have_no_gradients(tokens):
    from ts_sdk.errors import ExplanationError

    with pytest.raises(ExplanationError, match="take layer_integrated_gradients"):
        tokens.explain("one", method="saliency")


def test_the_contracts_answer_has_one_number_for_each_word(bag):
    request = Request({"data": "The cat is not", "target": "1"}, {"explain": "True"})
    answer = bag().predict(request)
    assert list(answer) == ["importances", "words"]
    assert answer["words"] == ["the", "cat", "is", "not"]
    # Each pair of words is shared by both.
    assert answer["importances"] == pytest.approx([0.35, 0.45, 0.6, 0.7], abs=1e-4)
    json.dumps(answer)


def test_the_contracts_answer_for_tokens(tokens):
    request = Request({"data": "three one"}, {"explain": "True"})
    answer = tokens.predict(request)
    assert answer["words"] == ["three", "one"]
    assert answer["importances"] == pytest.approx([6, 4], abs=1e-4)

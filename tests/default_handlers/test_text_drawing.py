"""A text's answer is drawn with what the model saw of the text and what it knows of it."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from default_handlers import TextClassifier
from default_handlers.drawing.texts import draw_text
from default_handlers.text_marks import Mark, Sight, marks_of_tokens, marks_of_words
from default_handlers.tokens import TokenSpan
from ts_sdk.errors import RequestError

BAR = (26, 115, 232)
GREY = (228, 230, 234)
STRUCK = (168, 171, 176)
BAG = """
from torch import nn


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(9, 3, mode="sum")
        nn.init.constant_(self.embedding.weight, 0.5)

    def forward(self, numbers, offsets):
        return self.embedding(numbers, offsets)
"""
TOKENS = """
from torch import nn


class Tokens(nn.Module):
    def forward(self, input_ids):
        return input_ids[:, :3].float()
"""
VOCABULARY = {"<unk>": 0, "the": 1, "cat": 2, "is": 3, "not": 4, "good": 5}
RANKED = [("good", 0.7), ("bad", 0.3)]


@pytest.fixture
def start_bag(start):
    def start_bag(handler_class=TextClassifier, **settings):
        return start(handler_class, model=BAG, settings=settings, vocabulary=VOCABULARY)

    return start_bag


@pytest.fixture
def start_tokens(start, tmp_path):
    def start_tokens(*, side="right", **settings):
        words = ["[UNK]", "the", "cat", "is", "good"]
        tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, "[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.enable_truncation(4, direction=side)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        return start(model=TOKENS, handler_class=TextClassifier, settings=settings)

    return start_tokens


def pixels_of(image, colour):
    """How many pixels have exactly this colour."""
    return int((np.array(image) == colour).all(axis=2).sum())


def sights(text, marks):
    return [(text[each.start : each.end], each.sight) for each in marks]


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("The cat isn't good!", ["The", "cat", "isn't", "good!"], []),
        ("a <b>good</b> dog", ["<b>good</b>"], ["a", "dog"]),
        ('the <a href="cat">good</a> cat', ["the", 'href="cat">good</a>', "cat"], ["<a"]),
        ('good<br class="x"/> cat', ["good<br", "cat"], ['class="x"/>']),
        ("中文 the — cat", ["the", "cat"], ["中文", "—"]),
        ("café cat", ["cat"], ["café"]),
        ("", [], []),
    ],
)
def test_words_are_known_by_what_becomes_of_them_in_the_whole_text(start_bag, text, known, unknown):
    handler = start_bag()
    marks = marks_of_words(text, handler.words_of, handler._word_numbers.knows)
    assert [part for part, sight in sights(text, marks) if sight is Sight.KNOWN] == known
    assert [part for part, sight in sights(text, marks) if sight is Sight.UNKNOWN] == unknown


def test_words_of_a_subclass_that_reads_otherwise_are_found_too(start_bag):
    class Own(TextClassifier):
        def _tokenize(self, text):
            return [text[:3], *text.split()]

    text = "the cat is here"
    handler = start_bag(Own)
    marks = marks_of_words(text, handler.words_of, handler._word_numbers.knows)
    assert [text[each.start : each.end] for each in marks] == text.split()


def test_what_is_cut_off_is_told_apart_from_what_the_tokenizer_does_not_know():
    text = "one two three four"
    spans = [TokenSpan(4, 7, is_known=True), TokenSpan(8, 10, is_known=False)]
    assert sights(text, marks_of_tokens(text, spans)) == [
        ("one ", Sight.UNSEEN),
        ("two", Sight.KNOWN),
        ("th", Sight.UNKNOWN),
        ("ree four", Sight.UNSEEN),
    ]


def test_several_tokens_of_one_character_are_one_mark():
    spans = [TokenSpan(0, 1, is_known=True)] * 3
    assert marks_of_tokens("é", spans) == [Mark(0, 1, Sight.KNOWN)]


@pytest.mark.parametrize(
    ("side", "seen"), [("right", "the cat is good"), ("left", "cat is good dog")]
)
def test_the_tokens_that_the_model_saw_are_marked_in_a_long_text(start_tokens, side, seen):
    handler = start_tokens(side=side)
    filling = "good " * 20_000
    text = f"the cat is good {filling}" if side == "right" else f"{filling} cat is good dog"
    found = [text[each.start : each.end] for each in handler.text_tokenizer.spans(text)]
    assert found == seen.split()


@pytest.mark.parametrize("answers", ["torchserve", "records"])
def test_an_answer_is_drawn_in_every_shape(start_bag, answer, answers):
    handler = start_bag(answers=answers)
    row = {"body": b"The cat, a dog"}
    (got,) = answer(handler, [row])
    image = handler.draw(json.loads(json.dumps(got)), row)
    assert pixels_of(image, BAR) > 0
    assert pixels_of(image, GREY) > 0
    assert pixels_of(image, STRUCK) == 0


def test_unknown_words_are_on_grey_and_known_ones_are_not():
    text = "the dog"
    known = [Mark(0, 3, Sight.KNOWN), Mark(4, 7, Sight.KNOWN)]
    plain = draw_text(text, known, RANKED)
    marked = draw_text(text, [known[0], Mark(4, 7, Sight.UNKNOWN)], RANKED)
    assert pixels_of(marked, GREY) > pixels_of(plain, GREY) + 400
    assert marked.height > plain.height, "a line says what the grey means"


def test_what_was_cut_off_is_struck_out(start_tokens, answer):
    handler = start_tokens()
    row = {"body": "the cat is good the cat is good"}
    (got,) = answer(handler, [row])
    image = handler.draw(got, row)
    assert pixels_of(image, STRUCK) > 100
    short = {"body": "the cat is good"}
    assert pixels_of(handler.draw(got, short), STRUCK) == 0


def test_the_most_probable_class_has_the_first_bar(start_bag):
    image = start_bag().draw({"low": 0.1, "high": 0.9}, "the cat")
    widths = (np.array(image) == BAR).all(axis=2).sum(axis=1)
    rows = widths[widths > 0]
    assert rows[0] > rows[-1]


@pytest.mark.parametrize(
    "text",
    [
        "the cat " * 1_000_000,
        "a" * 100_000,
        "\n".join("abcdefgh" * 2000),
        "\n\n\n" * 3000 + "the end",
        "e" + "\u0301" * 5000,
        "\u202e\x00\x07 عربى 中文 \U0001f600 \ud800 the\u200bcat",
        " the",
    ],
    ids=["8 MB", "one word", "lines", "empty lines", "accents", "odd", "short"],
)
def test_every_text_becomes_a_picture_that_can_be_looked_at(start_bag, text):
    image = start_bag().draw({"0": 0.5, "1": 0.25}, text[:6_000_000])
    assert image.width == 960
    assert image.height <= 1800


def test_all_of_a_thousand_classes_and_texts_are_not_drawn(start_bag):
    many = {str(number): number / 1000 for number in range(1000)}
    one = start_bag().draw(many, "the cat")
    assert one.height < 500
    several = start_bag().draw([many] * 30, {"body": ["the cat"] * 30})
    assert several.height < 9 * one.height


def test_several_texts_are_drawn_below_each_other(start_bag, answer):
    handler = start_bag()
    row = {"body": ["the cat", "a dog that is not good"]}
    (got,) = answer(handler, [row])
    parts = [handler.draw(each, text) for each, text in zip(got, row["body"], strict=True)]
    assert handler.draw(got, row).height == sum(part.height for part in parts) + 12


def test_without_a_text_nothing_can_be_drawn(start_bag):
    with pytest.raises(RequestError, match="expected text"):
        start_bag().draw({"0": 1.0}, {"body": 7})


def test_vocabularies_of_other_kinds_are_asked_what_they_know(start_bag):
    class Words:
        def __getitem__(self, word):
            return {"cat": 3}.get(word, 0)

    handler = start_bag()
    handler.source_vocab = Words()
    assert handler._word_numbers.knows("cat")
    assert not handler._word_numbers.knows("dog")
    assert torch.tensor(handler._word_numbers.of(["cat", "dog"])).tolist() == [3, 0, 0]

"""Needs the transformers library, except for the error without it."""

import importlib.util
import threading

import pytest

from ts_sdk.text_streaming import TextIteratorStreamerBatch

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed"
)
WORDS = ["<pad>", "<end>", "one", "two", "three", "four", "five", "six"]


@pytest.fixture
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token=WORDS[0])
    )
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=known, pad_token=WORDS[0], eos_token=WORDS[1], padding_side="left"
    )


def tokens(*words):
    import torch

    return torch.tensor([WORDS.index(word) for word in words])


def texts_of(streamer):
    """The whole text of each request."""
    texts = [""] * streamer.batch_size
    for step in streamer:
        for index, piece in enumerate(step):
            texts[index] += piece["text"]
    return texts


def put(streamer, prompts, *steps):
    import torch

    streamer.put(torch.stack([tokens(*prompt) for prompt in prompts]))
    for step in steps:
        streamer.put(tokens(*step))
    streamer.end()


@needs_transformers
def test_texts_of_different_lengths_are_given_whole(tokenizer):
    streamer = TextIteratorStreamerBatch(tokenizer, 2, skip_prompt=True, skip_special_tokens=True)
    put(
        streamer,
        (["one"], ["two"]),
        ("three", "four"),
        ("<end>", "five"),
        ("<pad>", "six"),
        ("<pad>", "<end>"),
    )
    assert texts_of(streamer) == ["three", "four five six"]


@needs_transformers
def test_what_follows_the_end_of_a_text_is_padding_and_left_out(tokenizer):
    streamer = TextIteratorStreamerBatch(tokenizer, 2, skip_prompt=True)
    put(streamer, (["one"], ["two"]), ("<end>", "four"), ("<pad>", "five"))
    assert texts_of(streamer) == ["<end>", "four five"]


@needs_transformers
def test_a_prompt_that_ends_with_the_last_token_does_not_end_its_text(tokenizer):
    """Prompts of unequal lengths are padded, with that token where there is no other."""
    streamer = TextIteratorStreamerBatch(tokenizer, 2)
    put(streamer, (["one", "<end>"], ["<end>", "two"]), ("three", "four"))
    assert texts_of(streamer) == ["one <end> three", "<end> two four"]


@needs_transformers
def test_pieces_arrive_while_the_model_generates(tokenizer):
    streamer = TextIteratorStreamerBatch(tokenizer, 1, skip_prompt=True, timeout=30)
    may_go_on = threading.Event()

    def generate():
        streamer.put(tokens("one")[None])
        streamer.put(tokens("two"))
        streamer.put(tokens("three"))
        may_go_on.wait(30)
        streamer.put(tokens("four"))
        streamer.end()

    thread = threading.Thread(target=generate)
    thread.start()
    first = next(piece for [piece] in streamer if piece["text"])
    may_go_on.set()
    rest = texts_of(streamer)
    thread.join()
    assert [first["text"] + rest[0]] == ["two three four"]
    assert "four" not in first["text"]


@needs_transformers
def test_a_model_generates_into_it(tokenizer):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(WORDS),
        n_positions=32,
        n_embd=8,
        n_layer=1,
        n_head=1,
        eos_token_id=1,
        bos_token_id=1,
    )
    model = GPT2LMHeadModel(config).eval()
    inputs = tokenizer(["one two", "three"], return_tensors="pt", padding=True)
    streamer = TextIteratorStreamerBatch(tokenizer, 2, skip_prompt=True, skip_special_tokens=True)
    options = {
        "input_ids": inputs["input_ids"],
        "attention_mask": inputs["attention_mask"],
        "max_new_tokens": 5,
        "do_sample": False,
        "pad_token_id": 0,
    }
    generated = model.generate(**options)[:, inputs["input_ids"].shape[1] :]
    thread = threading.Thread(target=model.generate, kwargs=options | {"streamer": streamer})
    thread.start()
    texts = texts_of(streamer)
    thread.join()
    expected = tokenizer.batch_decode(generated, skip_special_tokens=True)
    assert [text.split() for text in texts] == [text.split() for text in expected]


@needs_transformers
def test_a_batch_of_another_size_is_refused(tokenizer):
    streamer = TextIteratorStreamerBatch(tokenizer, 3)
    with pytest.raises(ValueError, match="tokens of 2 requests into a streamer for 3"):
        streamer.put(tokens("one", "two"))


def test_without_the_library_the_error_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ImportError, match="pip install transformers"):
        TextIteratorStreamerBatch(None, 2)

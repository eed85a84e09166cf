"""`text_classifier` with a Hugging Face tokenizer, and models whose answers are known exactly."""

import builtins
import json
import math
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from default_handlers import TextClassifier
from default_handlers.token_batches import TokenBatch
from default_handlers.tokens import TextTokenizer
from ts_sdk.errors import ConfigError, HandlerContractError, LoadError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "one", "two", "three"]
"""Their numbers are their places; "one" is 4, and so on."""

MODEL = """
import torch
from torch import nn


class Sums(nn.Module):
    '''Three classes: the sum of the tokens that the mask leaves, their number, and nothing.'''

    calls = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        Sums.calls.append(tuple(input_ids.shape))
        sums = (input_ids * attention_mask).sum(1)
        counts = attention_mask.sum(1)
        return torch.stack([sums, counts, 0 * counts], dim=1) / 10
"""
WITHOUT_MASK = MODEL.replace(", attention_mask: torch.Tensor", "").replace(
    "        sums", "        attention_mask = torch.ones_like(input_ids)\n        sums"
)
TEXTS = ["one two", "three", "one four three three"]
IDS = [[2, 4, 5, 3], [2, 6, 3], [2, 4, 1, 6, 6, 3]]


def softmax(scores):
    exponentials = [math.exp(score) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def probabilities(ids):
    """What `Sums` answers for these tokens."""
    return softmax([sum(ids) / 10, len(ids) / 10, 0])


def make_tokenizer(*, marks=True, **padding):
    tokenizer = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]")  # noqa: S106 - no password
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if marks:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    if padding:
        tokenizer.enable_padding(**padding)
    return tokenizer


@pytest.fixture
def start_tokens(start, tmp_path):
    """Start a text classifier on a tokenizer and a model."""

    def start_tokens(
        handler_class=TextClassifier,
        *,
        model=MODEL,
        tokenizer=None,
        settings=None,
        files=None,
        **options,
    ):
        tokenizer = tokenizer or make_tokenizer()
        (tmp_path / "tokenizer.json").write_text(tokenizer.to_str())
        for name, content in (files or {}).items():
            (tmp_path / name).write_text(json.dumps(content))
        return start(handler_class, model=model, settings=settings or {}, **options)

    return start_tokens


def calls_of(handler):
    return type(handler.model).calls


@pytest.mark.parametrize(("text", "ids"), [*zip(TEXTS, IDS, strict=True)])
def test_an_answer_has_all_classes_in_the_models_order(start_tokens, answer, text, ids):
    handler = start_tokens()
    assert handler.source_vocab is None
    (got,) = answer(handler, [{"body": text}])
    assert list(got) == ["0", "1", "2"]
    assert list(got.values()) == pytest.approx(probabilities(ids), abs=1e-6)


def test_a_batch_is_padded_to_its_longest_and_answers_as_alone(start_tokens, answer):
    handler = start_tokens()
    got = answer(handler, [{"body": text} for text in TEXTS])
    for each, ids in zip(got, IDS, strict=True):
        assert list(each.values()) == pytest.approx(probabilities(ids), abs=1e-6)
    assert calls_of(handler) == [(3, 6)]


def test_a_model_that_is_not_told_what_is_padding_never_sees_any(start_tokens, answer):
    handler = start_tokens(model=WITHOUT_MASK)
    got = answer(handler, [{"body": text} for text in (*TEXTS, "two one")])
    for each, ids in zip(got, (*IDS, IDS[0]), strict=True):
        assert list(each.values()) == pytest.approx(probabilities(ids), abs=1e-6)
    assert calls_of(handler) == [(1, 3), (2, 4), (1, 6)]


def test_it_sees_the_padding_that_the_tokenizers_file_asks_for(start_tokens):
    padding = {"pad_id": 0, "length": None, "pad_to_multiple_of": 8, "direction": "left"}
    handler = start_tokens(model=WITHOUT_MASK, tokenizer=make_tokenizer(**padding))
    (call,) = handler.preprocess([{"body": text} for text in TEXTS]).calls
    assert call.given["input_ids"].tolist() == [[0] * (8 - len(ids)) + ids for ids in IDS]


def test_padding_to_one_length_is_kept(start_tokens):
    handler = start_tokens(tokenizer=make_tokenizer(pad_id=0, length=5))
    (call,) = handler.preprocess([{"body": "one"}]).calls
    assert call.given["input_ids"].tolist() == [[2, 4, 3, 0, 0]]
    assert call.given["attention_mask"].tolist() == [[1, 1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("files", "filling", "is_left"),
    [
        ({}, 0, False),  # [PAD] by its usual name
        ({"tokenizer_config.json": {"pad_token": "[UNK]"}}, 1, False),
        ({"tokenizer_config.json": {"pad_token": {"content": "[SEP]"}}}, 3, False),
        ({"config.json": {"pad_token_id": 2}}, 2, False),
        ({"tokenizer_config.json": {"padding_side": "left"}}, 0, True),
        ({"tokenizer_config.json": ["no", "object"]}, 0, False),
    ],
    ids=str,
)
def test_what_pads_comes_from_the_files_beside_the_tokenizer(start_tokens, files, filling, is_left):
    handler = start_tokens(files=files)
    (call,) = handler.preprocess([{"body": text} for text in TEXTS[:2]]).calls
    expected = [filling, 2, 6, 3] if is_left else [2, 6, 3, filling]
    assert call.given["input_ids"].tolist() == [IDS[0], expected]
    assert call.given["attention_mask"].tolist()[1] == ([0, 1, 1, 1] if is_left else [1, 1, 1, 0])


def model_that_takes(parameters, *, body="x"):
    return (
        "import torch\nfrom torch import nn\nclass M(nn.Module):\n"
        f"    def forward(self, {parameters}):\n        x = input_ids\n        return {body}\n"
    )


class TestTheModelsSignature:
    @pytest.mark.parametrize(
        ("parameters", "names"),
        [
            ("input_ids, attention_mask, token_type_ids", 3),
            ("attention_mask, input_ids, token_type_ids=None", 3),
            ("input_ids, attention_mask=None, labels=None", 2),
            ("input_ids, token_type_ids, **more", 2),
            ("input_ids", 1),
        ],
    )
    def test_says_what_the_model_is_given(self, start_tokens, parameters, names):
        handler = start_tokens(model=model_that_takes(parameters))
        (call,) = handler.preprocess([{"body": "one two"}]).calls
        given = {name: tensor.tolist() for name, tensor in call.given.items()}
        every = {
            "input_ids": [[2, 4, 5, 3]],
            "attention_mask": [[1, 1, 1, 1]],
            "token_type_ids": [[0, 0, 0, 0]],
        }
        assert given == {name: value for name, value in every.items() if name in parameters}
        assert len(given) == names
        assert {tensor.dtype for tensor in call.given.values()} == {torch.int64}

    def test_of_one_other_name_means_the_tokens(self, start_tokens):
        handler = start_tokens(model=model_that_takes("tokens, scale=1", body="tokens"))
        (call,) = handler.preprocess([{"body": "one two"}]).calls
        assert call.given.tolist() == [[2, 4, 5, 3]]

    def test_that_is_open_gets_tokens_and_mask(self, start_tokens):
        handler = start_tokens(model=model_that_takes("**inputs", body="inputs"))
        (call,) = handler.preprocess([{"body": "one two"}]).calls
        assert list(call.given) == ["input_ids", "attention_mask"]

    def test_that_asks_for_something_else_is_an_error_when_the_handler_starts(self, start_tokens):
        with pytest.raises(ConfigError, match=r"asks for ids, mask; .* rename the parameters"):
            start_tokens(model=model_that_takes("ids, mask"))

    def test_of_a_scripted_model_is_known_too(self, start_tokens, scripted, answer):
        class Sums(torch.nn.Module):
            def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
                sums = (input_ids * attention_mask).sum(1)
                counts = attention_mask.sum(1)
                return {"logits": torch.stack([sums, counts, 0 * counts], dim=1) / 10}

        handler = start_tokens(model=scripted(Sums()))
        for each, ids in zip(answer(handler, [{"body": text} for text in TEXTS]), IDS, strict=True):
            assert list(each.values()) == pytest.approx(probabilities(ids), abs=1e-6)


@pytest.mark.parametrize("body", ["(x, 1)", "[x]", "{'logits': x, 'loss': None}", "Named(x)"])
def test_scores_come_in_every_form_in_which_models_answer(start_tokens, answer, body):
    model = model_that_takes("input_ids", body=body.replace("x", "x.float() / 10"))
    model += "\nclass Named:\n    def __init__(self, logits): self.logits = logits\n"
    (got,) = answer(start_tokens(model=model), [{"body": "one"}])
    assert list(got.values()) == pytest.approx(softmax([0.2, 0.4, 0.3]), abs=1e-6)


def test_an_output_without_scores_is_an_error_that_says_what_was_expected(start_tokens, answer):
    with pytest.raises(HandlerContractError, match=r"answers scores.*a tensor of shape \(1,\)"):
        answer(start_tokens(model=model_that_takes("input_ids", body="x[:, 0]")), [{"body": "one"}])


class TestActivation:
    MODEL = model_that_takes("input_ids", body="x.float() / 10")

    def test_the_sigmoid_is_for_classes_that_go_together(self, start_tokens, answer):
        handler = start_tokens(model=self.MODEL, settings={"activation": "sigmoid"})
        (got,) = answer(handler, [{"body": "one"}])
        expected = [1 / (1 + math.exp(-score)) for score in (0.2, 0.4, 0.3)]
        assert list(got.values()) == pytest.approx(expected, abs=1e-6)

    def test_the_sigmoid_of_one_class_is_that_of_this_class(self, start_tokens, answer):
        model = model_that_takes("input_ids", body="x[:, 1:2].float() / 10")
        handler = start_tokens(model=model, settings={"activation": "sigmoid"}, names={"0": "bad"})
        assert answer(handler, [{"body": "one"}]) == [
            {"bad": pytest.approx(1 / (1 + math.exp(-0.4)))}
        ]

    def test_none_leaves_probabilities_as_they_are(self, start_tokens, answer):
        handler = start_tokens(model=self.MODEL, settings={"activation": "none", "topk": 2})
        assert answer(handler, [{"body": "one"}]) == [
            {"1": pytest.approx(0.4), "2": pytest.approx(0.3)}
        ]

    def test_comes_from_the_config_of_transformers_unless_it_is_set(self, start_tokens):
        config = {"model_type": "bert", "problem_type": "multi_label_classification"}
        options = {"model": self.MODEL, "files": {"config.json": config}}
        assert start_tokens(**options).activation == "sigmoid"
        softmax = {"activation": "softmax"}
        assert start_tokens(settings=softmax, **options).activation == "softmax"
        single = {"model_type": "bert", "id2label": {"0": "toxic"}}
        handler = start_tokens(model=self.MODEL, files={"config.json": single})
        assert handler.activation == "sigmoid"
        assert handler.mapping == {"0": "toxic"}


class TestLongTexts:
    def test_are_cut_to_what_the_setting_says(self, start_tokens, answer):
        handler = start_tokens(settings={"max_length": 4})
        (got,) = answer(handler, [{"body": "one two three three"}])
        assert list(got.values()) == pytest.approx(probabilities(IDS[0]), abs=1e-6)

    def test_are_an_error_where_that_is_wanted(self, start_tokens, answer):
        handler = start_tokens(settings={"max_length": 4, "truncation": "error"})
        good, bad = answer(handler, [{"body": "one two"}, {"body": "one two three"}])
        assert list(good.values()) == pytest.approx(probabilities(IDS[0]), abs=1e-6)
        assert bad["code"] == 400
        assert (
            "more than 4 tokens, which the model takes at most (setting max_length"
            in (bad["message"])
        )

    @pytest.mark.parametrize("off", [False, "off"])  # YAML reads a bare off as false
    def test_are_given_whole_where_that_is_wanted(self, start_tokens, off):
        handler = start_tokens(settings={"max_length": 4, "truncation": off})
        (call,) = handler.preprocess([{"body": TEXTS[2]}]).calls
        assert call.given["input_ids"].tolist() == [IDS[2]]
        assert start_tokens(settings={"truncation": True}).truncation == "on"

    def test_are_cut_to_what_the_files_say(self, start_tokens):
        beside = {"tokenizer_config.json": {"model_max_length": 5}}
        assert start_tokens(files=beside).text_tokenizer.max_length == 5
        no_limit = {"tokenizer_config.json": {"model_max_length": 10**30}}
        assert start_tokens(files=no_limit).text_tokenizer.max_length is None
        tokenizer = make_tokenizer()
        tokenizer.enable_truncation(4, direction="left")
        handler = start_tokens(tokenizer=tokenizer, files=beside)
        (call,) = handler.preprocess([{"body": "one two three three"}]).calls
        assert call.given["input_ids"].tolist() == [[2, 6, 6, 3]]

    def test_are_cut_to_the_positions_that_the_model_has(self, start_tokens):
        model = MODEL.replace(
            "    calls = []",
            "    calls = []\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.position_embeddings = nn.Embedding(8, 1, padding_idx=1)\n",
        )
        assert start_tokens(model=model).text_tokenizer.max_length == 6
        longer = {"tokenizer_config.json": {"model_max_length": 512}}
        assert start_tokens(model=model, files=longer).text_tokenizer.max_length == 6
        with pytest.raises(ConfigError, match="max_length is 7, and the model has positions for 6"):
            start_tokens(model=model, settings={"max_length": 7})

    @pytest.mark.parametrize("truncation", ["on", "error"])
    def test_of_ten_megabytes_are_not_looked_at_to_their_end(
        self, start_tokens, answer, truncation
    ):
        handler = start_tokens(
            settings={"max_length": 8, "truncation": truncation, "max_characters": 20_000_000}
        )
        seen = []
        encode = handler.text_tokenizer._tokenizer.encode
        handler.text_tokenizer._tokenizer = Spy(handler.text_tokenizer._tokenizer, seen, encode)
        (got,) = answer(handler, [{"body": "one two " * 1_250_000}])
        assert sum(seen) < 10_000
        if truncation == "error":
            assert got["code"] == 400
        else:
            ids = [2, *[4, 5] * 3, 3]
            assert list(got.values()) == pytest.approx(probabilities(ids), abs=1e-6)

    def test_with_words_without_end_are_looked_at_until_the_tokens_are_known(self, start_tokens):
        handler = start_tokens(settings={"max_length": 4})
        text = "x" * 30_000 + " one" * 20_000
        encoding = handler.text_tokenizer.encode(text)
        assert encoding.ids == [2, 1, 4, 3]

    def test_are_cut_at_their_start_without_a_look_at_all_of_them(self, start_tokens):
        files = {"tokenizer_config.json": {"truncation_side": "left"}}
        handler = start_tokens(settings={"max_length": 5}, files=files)
        tokenizer, seen = handler.text_tokenizer, []
        tokenizer._tokenizer = Spy(tokenizer._tokenizer, seen, tokenizer._tokenizer.encode)
        assert tokenizer.encode("two " * 1_000_000 + "three one").ids == [2, 5, 6, 4, 3]
        assert sum(seen) < 10_000

    @pytest.mark.parametrize("side", ["left", "right"])
    @pytest.mark.parametrize("kind", ["words", "bytes", "pieces"])
    @given(text=st.text("ab c\n中é", min_size=1).map(lambda part: part * (20_000 // len(part))))
    @settings(max_examples=25, deadline=None)
    def test_have_the_tokens_of_all_of_the_text(self, kind, side, text):
        tokenizer = TOKENIZERS[kind]
        tokenizer.enable_truncation(9, direction=side)
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save(str(Path(folder, "tokenizer.json")))
            ours = TextTokenizer(Path(folder))
        whole = tokenizer.encode(text)
        if whole.ids:
            assert ours.encode(text).ids == whole.ids
            spans = [(each.start, each.end) for each in ours.spans(text)]
            assert spans == [(start, end) for start, end in whole.offsets if start < end]

    @pytest.mark.parametrize(
        ("options", "files"),
        [
            ({}, {}),  # no limit: all of the text is tokens
            ({"max_length": 8, "truncation": "off"}, {}),
            ({"max_length": 8}, {}),  # one endless word
            ({"max_length": 8}, {"tokenizer_config.json": {"truncation_side": "left"}}),
        ],
        ids=["no limit", "off", "right", "left"],
    )
    def test_of_which_too_much_would_have_to_be_tokens_are_refused(
        self, start_tokens, answer, options, files
    ):
        handler = start_tokens(settings={**options, "max_tokenised": 50_000}, files=files)
        good, bad, still_good = answer(
            handler, [{"body": "one"}, {"body": "x" * 60_000}, {"body": "x" * 50_000}]
        )
        assert bad["code"] == 400
        assert "60,000 characters, and more than the 50,000 that are made" in bad["message"]
        assert "code" not in good
        assert "code" not in still_good


def trained(model, trainer, **steps):
    tokenizer = Tokenizer(model)
    for name, step in steps.items():
        setattr(tokenizer, name, step)
    tokenizer.train_from_iterator(["ab c abc cab ba 中é"] * 9, trainer)
    return tokenizer


TOKENIZERS = {
    "words": trained(
        models.WordPiece(unk_token="[UNK]"),  # noqa: S106 - no password
        trainers.WordPieceTrainer(vocab_size=30, special_tokens=["[UNK]"], show_progress=False),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    ),
    "bytes": trained(
        models.BPE(),
        trainers.BpeTrainer(
            vocab_size=300,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
        pre_tokenizer=pre_tokenizers.ByteLevel(),
    ),
    "pieces": trained(
        models.Unigram(),
        trainers.UnigramTrainer(
            vocab_size=20,
            special_tokens=["<unk>"],
            unk_token="<unk>",  # noqa: S106 - as above
            show_progress=False,
        ),
        pre_tokenizer=pre_tokenizers.Metaspace(),
    ),
}
"""As those of BERT, of GPT-2, and of T5."""


class Spy:
    """Notes how long the texts are that a tokenizer is given."""

    def __init__(self, tokenizer, seen, encode):
        self.seen, self._encode = seen, encode

    def encode(self, text):
        self.seen.append(len(text))
        return self._encode(text)


class TestLists:
    def test_of_texts_are_answered_by_lists(self, start_tokens, answer):
        handler = start_tokens()
        several, alone, one = answer(
            handler, [{"body": TEXTS}, {"body": TEXTS[1]}, {"body": [TEXTS[2].encode()]}]
        )
        for each, ids in zip(several, IDS, strict=True):
            assert list(each.values()) == pytest.approx(probabilities(ids), abs=1e-6)
        assert list(alone.values()) == pytest.approx(probabilities(IDS[1]), abs=1e-6)
        assert [list(each.values()) for each in one] == [
            pytest.approx(probabilities(IDS[2]), abs=1e-6)
        ]
        assert calls_of(handler) == [(5, 6)]

    def test_that_are_long_go_through_the_model_in_parts_of_like_length(self, start_tokens, answer):
        handler = start_tokens(settings={"texts_per_call": 2})
        (got,) = answer(handler, [{"body": [TEXTS[2], TEXTS[1], TEXTS[0], TEXTS[1]]}])
        for each, ids in zip(got, (IDS[2], IDS[1], IDS[0], IDS[1]), strict=True):
            assert list(each.values()) == pytest.approx(probabilities(ids), abs=1e-6)
        assert calls_of(handler) == [(2, 3), (2, 6)]

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            ([], "expected 1 to 3 texts in a list (setting max_texts), got 0"),
            (["one"] * 4, "expected 1 to 3 texts in a list (setting max_texts), got 4"),
            (["one", 7], "text 2 of 2: expected text, as UTF-8 or as a JSON string, got 7"),
            (
                ["one", ["two"]],
                "text 2 of 2: expected text, as UTF-8 or as a JSON string, got a li",
            ),
            (["", "one"], "text 1 of 2: expected text, as UTF-8 or as a JSON string, got an empty"),
            (["one", b"\xff"], "text 2 of 2: "),
            (["one two"] * 3, "the text has 21 characters; at most 20"),
        ],
        ids=str,
    )
    def test_that_are_bad_are_rejected_whole_and_alone(self, start_tokens, answer, texts, words):
        handler = start_tokens(settings={"max_texts": 3, "max_characters": 20})
        good = {"body": ["one two"]}
        first, bad, last = answer(handler, [good, {"body": texts}, good])
        assert bad["code"] == 400
        assert words in bad["message"]
        assert first == last
        assert list(first[0].values()) == pytest.approx(probabilities(IDS[0]), abs=1e-6)

    def test_are_rejected_by_a_subclass_whose_answers_know_no_lists(self, start_tokens, answer):
        class Own(TextClassifier):
            def postprocess(self, data):
                return data.argmax(1).tolist()

        good, bad = answer(start_tokens(Own), [{"body": "one"}, {"body": ["one", "two"]}])
        assert good == 0
        assert "expected one text, got a list of 2: send each in a request" in bad["message"]

    def test_with_scores_that_are_no_numbers_fail_whole(self, start_tokens, answer):
        model = model_that_takes("input_ids", body="(x / (x != 5)).float()")
        handler = start_tokens(model=model)
        bad, good = answer(handler, [{"body": ["one", "two"]}, {"body": ["one"]}])
        assert (bad["code"], len(good)) == (500, 1)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"body": "one \ud800"}, "half a character"),
        ({"body": b"caf\xe9"}, "4 bytes that are not UTF-8"),
        ({"body": " \n"}, "got an empty one"),
        ({"body": 7}, "got 7"),
        ({"body": {"text": "one"}}, "got a JSON object with the keys 'text'"),
        ({"body": "one" * 10_000_000}, "30,000,000 characters; at most 6,553,500"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_hostile_text_is_rejected_alone(start_tokens, answer, row, words):
    first, bad, last = answer(start_tokens(), [{"body": "one two"}, row, {"body": "three"}])
    assert bad["code"] == 400
    assert words in bad["message"]
    assert list(first.values()) == pytest.approx(probabilities(IDS[0]), abs=1e-6)
    assert list(last.values()) == pytest.approx(probabilities(IDS[1]), abs=1e-6)


def test_a_text_of_which_the_tokenizer_leaves_nothing_is_rejected(start_tokens, answer):
    tokenizer = make_tokenizer(marks=False)
    tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("#")
    good, bad = answer(start_tokens(tokenizer=tokenizer), [{"body": "one"}, {"body": "###"}])
    assert list(good.values()) == pytest.approx(probabilities([4]), abs=1e-6)
    assert bad["code"] == 400
    assert "of which the tokenizer leaves nothing" in bad["message"]


class TestWhichPath:
    """An archive's files say whether its words are looked up or its texts become tokens."""

    def test_is_ambiguous_with_both(self, start_tokens):
        with pytest.raises(ConfigError, match=r"holds both source_vocab\.pt and tokenizer\.json"):
            start_tokens(vocabulary={"one": 1})

    def test_is_unknown_with_neither(self, start):
        with pytest.raises(ConfigError, match=r"source_vocab\.pt .* nor tokenizer\.json"):
            start(TextClassifier, model=MODEL, settings={})

    def test_may_be_damaged(self, start, tmp_path):
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(ConfigError, match=r"tokenizer\.json cannot be read by tokenizers"):
            start(TextClassifier, model=MODEL, settings={})

    def test_of_tokens_says_what_to_install(self, start_tokens, monkeypatch):
        imported = builtins.__import__

        def without_tokenizers(name, *args, **kwargs):
            if name == "tokenizers":
                raise ImportError("No module named 'tokenizers'")
            return imported(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without_tokenizers)
        with pytest.raises(LoadError, match=r"pip install 'ts-sdk\[text\]'"):
            start_tokens()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_length": 0}, "max_length must be a whole number of at least 1, not 0"),
        ({"max_length": 2}, "max_length must be more than 2, the number of tokens that mark"),
        ({"max_lenght": 9}, r"max_lenght is not a setting; did you mean max_length\?"),
        ({"truncation": "of"}, r"truncation must be one of on, off, error \(did you mean off\?\)"),
        ({"activation": "relu"}, "activation must be one of softmax, sigmoid, none"),
        ({"max_texts": "all"}, "max_texts must be a whole number"),
        ({"texts_per_call": 0}, "texts_per_call must be a whole number"),
        ({"ngrams": 2}, r"ngrams would have no effect, since tokenizer\.json makes the tokens"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_when_the_handler_starts(start_tokens, settings, words):
    with pytest.raises(ConfigError, match=words):
        start_tokens(settings=settings)


def test_settings_for_tokens_are_refused_where_words_are_looked_up(start):
    with pytest.raises(ConfigError, match=r"max_length would have no .*truncation would have"):
        start(
            TextClassifier,
            model=MODEL,
            vocabulary={"one": 1},
            settings={"max_length": 9, "truncation": "error"},
        )


def test_a_batch_knows_the_tokens_behind_it(start_tokens):
    batch = start_tokens().preprocess([{"body": "one four"}])
    assert isinstance(batch, TokenBatch)
    assert batch.encodings[0].tokens == ["[CLS]", "one", "[UNK]", "[SEP]"]
    assert batch.encodings[0].offsets[2] == (4, 8)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_leaves_tokens_whole(start_tokens, answer, precision):
    class Half(TextClassifier):
        def initialize(self, context):
            context.system_properties["precision"] = precision
            super().initialize(context)

    model = MODEL.replace("/ 10", "* self.tenth").replace(
        "    calls = []",
        "    calls = []\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.tenth = nn.Parameter(torch.tensor(0.125))\n",
    )
    (got,) = answer(start_tokens(Half, model=model), [{"body": "one two"}])
    assert list(got.values()) == pytest.approx(softmax([14 / 8, 4 / 8, 0]), abs=1e-2)

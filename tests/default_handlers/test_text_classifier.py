"""The text classifier's answers, with a model whose answers are known in closed form."""

import math

import pytest
import torch

from default_handlers import TextClassifier, TextHandler
from default_handlers.text_classifier import TextBatch
from ts_sdk.errors import ConfigError, HandlerContractError

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
VOCABULARY = {"<unk>": 0, "the": 1, "cat": 2, "is": 3, "not": 4, "the cat": 5, "is not": 6}
TEXTS = ["The cat", "<b>the</b> cat isn't", "a dog", "Not the cat, not THE cat!"]
NUMBERS = [[1, 2, 5], [1, 2, 3, 4, 5, 0, 6], [0, 0, 0], [4, 1, 2, 4, 1, 2, 0, 5, 0, 0, 5]]
"""Those of the words, then those of the pairs."""


def probabilities(numbers):
    """What `SUM_OF_BAG` answers for words of these numbers."""
    exponentials = [math.exp(score) for score in (len(numbers), sum(numbers) / 10, 0)]
    return [value / sum(exponentials) for value in exponentials]


@pytest.fixture
def start_text(start):
    """Start a text classifier, or a subclass, on `SUM_OF_BAG`."""

    def start_text(handler_class=TextClassifier, **options):
        given = {"model": SUM_OF_BAG, "settings": {}, "vocabulary": VOCABULARY} | options
        return start(handler_class, **given)

    return start_text


@pytest.mark.parametrize(("text", "numbers"), [*zip(TEXTS, NUMBERS, strict=True)])
def test_an_answer_has_all_classes_in_the_models_order(start_text, answer, text, numbers):
    (got,) = answer(start_text(), [{"body": text}])
    assert list(got) == ["0", "1", "2"]
    assert list(got.values()) == pytest.approx(probabilities(numbers), abs=1e-6)


@pytest.mark.parametrize(
    "row",
    [
        {"body": "The café"},
        {"data": "The café".encode()},
        {"body": bytearray("The café".encode())},
        {"text": memoryview("\ufeffThe café".encode())},
        "The café",
    ],
    ids=["text", "bytes", "bytearray", "any part", "value alone"],
)
def test_text_arrives_in_every_form(start_text, answer, row):
    (got,) = answer(start_text(vocabulary=["<unk>", "the", "cafe"]), [row])
    assert list(got.values()) == pytest.approx(probabilities([1, 2, 0]), abs=1e-6)


def test_a_batch_goes_through_the_model_in_one_call_and_answers_as_alone(start_text, answer):
    handler = start_text()
    alone = [answer(handler, [{"body": text}])[0] for text in TEXTS]
    calls = []
    handler.model.register_forward_pre_hook(lambda _, given: calls.append(given))
    together = answer(handler, [{"body": text} for text in TEXTS])
    for solo, batched in zip(alone, together, strict=True):
        assert batched == pytest.approx(solo, abs=1e-6)
    ((numbers, offsets),) = calls
    assert numbers.tolist() == [number for row in NUMBERS for number in row]
    assert offsets.tolist() == [0, 3, 10, 13]
    assert numbers.dtype == offsets.dtype == torch.int64


HOSTILE = [
    ({"body": ""}, "got an empty one"),
    ({"body": b" \n\t"}, "got an empty one"),
    ({"body": b"caf\xe9"}, "4 bytes that are not UTF-8: the first wrong one is 0xe9 at position 3"),
    ({"body": "the cat " * 1_250_000}, "10,000,000 characters; at most 6,553,500"),
    ({"body": 7}, "expected text, as UTF-8 or as a JSON string, got 7"),
    ({"body": ["the", 7]}, "text 2 of 2: expected text, as UTF-8 or as a JSON string, got 7"),
    ({"body": ["the", "中文"]}, "text 2 of 2: expected text with words"),
    ({"body": {"text": "the cat"}}, "got a JSON object with the keys 'text'"),
    ({}, "in a part named data or body, got a request without content"),
    ({"a": "the", "b": "cat"}, "got the parts a, b"),
    ({"body": "<br /> ... 中文 &amp;"}, "punctuation and letters that are not Latin leave none"),
]


@pytest.mark.parametrize(("row", "words"), HOSTILE, ids=[words[:20] for _, words in HOSTILE])
def test_a_hostile_text_is_rejected_alone(start_text, answer, row, words):
    handler = start_text()
    neighbours = [{"body": TEXTS[0]}, {"body": TEXTS[3]}]
    first, rejected, last = answer(handler, [neighbours[0], row, neighbours[1]])
    assert rejected["code"] == 400
    assert words in rejected["message"]
    assert list(first.values()) == pytest.approx(probabilities(NUMBERS[0]), abs=1e-6)
    assert list(last.values()) == pytest.approx(probabilities(NUMBERS[3]), abs=1e-6)


def test_a_batch_of_nothing_but_hostile_texts_never_reaches_the_model(start_text, answer):
    handler = start_text(model="from torch import nn\nclass M(nn.Module): pass")
    answers = answer(handler, [row for row, _ in HOSTILE])
    assert {each["code"] for each in answers} == {400}


def test_a_list_of_texts_is_answered_by_a_list(start_text, answer):
    several, alone = answer(start_text(), [{"body": TEXTS}, {"body": TEXTS[1]}])
    assert [list(each.values()) for each in several] == [
        pytest.approx(probabilities(numbers), abs=1e-6) for numbers in NUMBERS
    ]
    assert list(alone.values()) == pytest.approx(probabilities(NUMBERS[1]), abs=1e-6)


def test_words_that_are_in_no_vocabulary_are_left_out_where_there_is_no_entry_for_them(
    start_text, answer
):
    handler = start_text(vocabulary={"the": 1, "cat": 2})
    good, bad = answer(handler, [{"body": "the dog"}, {"body": "a dog"}])
    assert list(good.values()) == pytest.approx(probabilities([1]), abs=1e-6)
    assert bad["code"] == 400
    assert "expected words of the model's vocabulary, got a text of 2" in bad["message"]


@pytest.mark.parametrize("names", [{"0": "many", "1": "high"}, ["many", "high"]])
def test_labels_come_from_index_to_name(start_text, answer, names):
    names = names if isinstance(names, dict) else {"object_type_names": names}
    (got,) = answer(start_text(names=names), [{"body": TEXTS[0]}])
    assert list(got) == ["many", "high", "2"]


def test_the_most_probable_classes_alone_may_be_asked_for(start_text, answer):
    handler = start_text(settings={"topk": 2}, vocabulary=dict.fromkeys(("a", "b"), 9))
    (got,) = answer(handler, [{"body": "a b"}])
    assert list(got) == ["0", "1"]
    (got,) = answer(start_text(settings={"topk": 9}), [{"body": "a b"}])
    assert list(got) == ["0", "1", "2"]


def test_records_name_every_class_by_label_and_index(start_text, answer):
    handler = start_text(settings={"answers": "records", "topk": 1}, names={"0": "many"})
    assert answer(handler, [{"body": TEXTS[0]}]) == [
        [{"label": "many", "index": 0, "probability": pytest.approx(probabilities([1, 2, 5])[0])}]
    ]


@pytest.mark.parametrize("ngrams", [1, 3])
def test_the_length_of_groups_comes_from_the_class_or_the_settings(start_text, ngrams):
    class Other(TextClassifier):
        pass

    Other.ngrams = ngrams
    vocabulary = {"a": 1, "b": 2, "c": 3, "a b": 4, "b c": 5, "a b c": 6}
    expected = [1, 2, 3] if ngrams == 1 else [1, 2, 3, 4, 5, 6]
    for handler in (
        start_text(Other, vocabulary=vocabulary),
        start_text(settings={"ngrams": ngrams}, vocabulary=vocabulary),
    ):
        assert handler.preprocess([{"body": "a b c"}]).numbers.tolist() == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ngrams": 0}, "ngrams must be a whole number of at least 1, not 0"),
        ({"ngram": 2}, r"ngram is not a setting; did you mean ngrams\?"),
        ({"topk": "all"}, "topk must be a whole number of at least 1, not 'all'"),
        ({"top_k": 1}, r"top_k is not a setting; did you mean topk\?"),
        ({"max_characters": -1}, "max_characters must be a whole number of at least 1"),
        ({"max_character": 9}, r"did you mean max_characters\?"),
        ({"answers": "record"}, r"did you mean records\?"),
    ],
)
def test_wrong_settings_are_refused_when_the_handler_starts(start_text, settings, words):
    with pytest.raises(ConfigError, match=words):
        start_text(settings=settings)


def test_a_longer_text_may_be_allowed_or_a_shorter_one_asked_for(start_text, answer):
    handler = start_text(settings={"max_characters": 7})
    good, bad = answer(handler, [{"body": "the cat"}, {"body": "the cats"}])
    assert "code" not in good
    assert "8 characters; at most 7" in bad["message"]


def test_a_vocabulary_that_is_missing_is_an_error_when_the_handler_starts(start_text):
    with pytest.raises(ConfigError, match=r"does not hold source_vocab\.pt"):
        start_text(vocabulary=None)


def test_scores_that_are_no_numbers_fail_their_own_request_only(start_text, answer):
    model = SUM_OF_BAG.replace("/ 10", "/ (9 - numbers)")  # word 9 has infinity
    handler = start_text(model=model, vocabulary={"good": 1, "bad": 9})
    good, bad = answer(handler, [{"body": "good"}, {"body": "bad"}])
    assert good["0"] > good["2"]
    assert bad["code"] == 500
    assert "NaN or infinite" in bad["message"]


def test_an_output_without_scores_is_an_error_that_says_what_was_expected(start_text, answer):
    model = "from torch import nn\nclass M(nn.Module):\n def forward(self, n, o): return n"
    with pytest.raises(HandlerContractError, match=r"answers scores.*a tensor of shape \(3,\)"):
        answer(start_text(model=model), [{"body": TEXTS[0]}])


class TestOldSubclasses:
    """Written for TorchServe, whose handler looked at one text."""

    def test_may_override_any_step(self, start_text):
        class Steps(TextClassifier):
            def _remove_html_tags(self, text):
                return text.replace("|", "")

            def _lowercase_text(self, text):
                return text.swapcase()

            def _expand_contractions(self, text):
                return text + "e"

            def _remove_accented_characters(self, text):
                return text + "A"

            def _remove_punctuation(self, text):
                return text + "P"

            def _tokenize(self, text):
                return [text, *self.get_word_token(["\u0120word"])]

        assert start_text(Steps).words_of("|Ab") == ["aBeAP", "word"]

    def test_may_set_a_tokenizer(self, start_text):
        handler = start_text()
        handler.tokenizer = lambda text: text.split("e")
        assert handler.words_of("The cat") == ["th", " cat"]

    def test_know_the_misspelt_name(self):
        assert TextHandler()._remove_puncutation("a.b") == "ab"

    def test_may_prepare_one_text_themselves(self, start_text, answer):
        class Own(TextClassifier):
            def preprocess(self, data):
                return torch.tensor([1, 2]), data[0]["body"].split()

        (got,) = answer(start_text(Own), [{"body": "any"}])
        assert list(got.values()) == pytest.approx(probabilities([1, 2]), abs=1e-6)

    def test_may_call_the_model_themselves(self, start_text, answer):
        class Own(TextClassifier):
            def inference(self, data, *args, **kwargs):
                text_tensor, _ = data
                return self.model(text_tensor, torch.as_tensor([0])).detach()

        (got,) = answer(start_text(Own), [{"body": TEXTS[1]}])
        assert list(got.values()) == pytest.approx(probabilities(NUMBERS[1]), abs=1e-6)

    def test_may_say_where_the_vocabulary_is(self, start_text, tmp_path):
        torch.save(["x"], tmp_path / "words.pt")

        class Own(TextClassifier):
            def get_source_vocab_path(self, ctx):
                return str(tmp_path / "words.pt")

        assert start_text(Own, vocabulary=None).source_vocab == {"x": 0}

    def test_find_the_vocabulary_that_an_old_manifest_names(self, start_text, tmp_path):
        torch.save(["x"], tmp_path / "words.pt")
        handler = start_text()
        context = handler.context
        context.manifest["model"]["sourceVocab"] = "words.pt"
        again = TextClassifier()
        again.initialize(context)
        assert again.source_vocab == {"x": 0}

    def test_have_the_attributes_before_they_are_started(self):
        class Own(TextHandler):
            def __init__(self):
                pass

        own = Own()
        assert (own.source_vocab, own.input_text) == (None, None)
        assert own.tokenizer("It's") == ["it", "'", "s"]


def test_a_batch_unpacks_into_numbers_and_words():
    numbers, offsets = torch.tensor([1, 2]), torch.tensor([0])
    batch = TextBatch(numbers, offsets, [["a"]])
    got, words = batch
    assert got is numbers
    assert words == [["a"]]


def test_only_classes_that_say_so_may_run_in_threads():
    assert vars(TextClassifier)["concurrent"] is True
    assert "concurrent" not in vars(TextHandler)

"""The model computes in what a word says; its callers give and get float32."""

import collections
import gc
import inspect
import weakref
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn

from ts_sdk.errors import PrecisionError
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")
TOLERANCE = {"float32": 0, "float16": 2e-3, "bfloat16": 2e-2}
HALVES = [word for word in Precision if word is not Precision.FLOAT32]


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


class Classifier(nn.Module):
    """A little of everything that vision models are made of."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.out = nn.Linear(8, 4)

    def forward(self, pictures):
        features = torch.relu(self.norm(self.conv(pictures))).mean((2, 3))
        return torch.softmax(self.out(features), dim=1)


class Spying(nn.Module):
    """Gives back what it was given, and remembers the number formats."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen = []

    def forward(self, *given, **named):
        self.seen = [
            str(tensor.dtype).removeprefix("torch.") for tensor in tensors_in([given, named])
        ]
        return named or given


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


@pytest.fixture(params=["eager", "scripted"])
def classifier(request, script):
    torch.manual_seed(0)
    module = Classifier().eval()
    return script(module) if request.param == "scripted" else module


@pytest.mark.parametrize("word", Precision)
def test_answers_are_close_to_float32_and_of_its_format(classifier, word):
    pictures = torch.rand(2, 3, 12, 12)
    expected = classifier(pictures)
    set_precision(classifier, word, CPU)
    with torch.inference_mode():
        found = classifier(pictures)
    assert found.dtype is torch.float32
    tolerance = TOLERANCE[word.removeprefix("autocast-")]
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("word", ["float16", "bfloat16"])
def test_weights_are_converted(classifier, word):
    set_precision(classifier, Precision(word), CPU)
    assert {tensor.dtype for tensor in classifier.parameters()} == {getattr(torch, word)}


@pytest.mark.parametrize("word", ["float32", "autocast-float16", "autocast-bfloat16"])
def test_weights_stay_in_float32(classifier, word):
    set_precision(classifier, Precision(word), CPU)
    assert {tensor.dtype for tensor in classifier.parameters()} == {torch.float32}


@pytest.mark.parametrize("word", Precision)
def test_doing_it_twice_changes_nothing(classifier, word):
    set_precision(classifier, word, CPU)
    forward = classifier.forward
    set_precision(classifier, word, CPU)
    assert classifier.forward is forward or word is Precision.FLOAT32


@pytest.mark.parametrize(
    ("word", "wider"),
    [
        ("float16", "bfloat16"),
        ("bfloat16", "float32"),
        ("autocast-float16", "autocast-bfloat16"),
        ("autocast-bfloat16", "float32"),
    ],
)
def test_each_word_knows_one_with_a_larger_range(word, wider):
    assert Precision(word).wider == wider


def test_the_names_of_the_inputs_can_still_be_asked_for():
    class Model(nn.Module):
        def forward(self, input_ids, attention_mask=None):
            return input_ids

    module = Model()
    set_precision(module, Precision.FLOAT16, CPU)
    assert list(inspect.signature(module.forward).parameters) == ["input_ids", "attention_mask"]


@pytest.mark.parametrize("word", HALVES)
def test_a_form_that_cannot_be_converted_says_so_itself(word):
    class Fixed(nn.Module):
        def refuse_precision(self, precision):
            raise PrecisionError(f"compiled as it is, not for {precision}")

    with pytest.raises(PrecisionError, match=f"compiled as it is, not for {word}"):
        set_precision(Fixed(), word, CPU)
    set_precision(Fixed(), Precision.FLOAT32, CPU)


def test_a_compiled_module_computes_in_half_too():
    torch.manual_seed(0)
    classifier = Classifier().eval()
    pictures = torch.rand(2, 3, 12, 12)
    expected = classifier(pictures)
    module = torch.compile(classifier, backend="eager")
    set_precision(module, Precision.BFLOAT16, CPU, keep_float32=["out"])
    with torch.inference_mode():
        found = module(pictures)
    assert (classifier.conv.weight.dtype, classifier.out.weight.dtype) == (
        torch.bfloat16,
        torch.float32,
    )
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)


def test_complex_numbers_stay_as_they_are():
    module = nn.Linear(2, 2)
    module.register_buffer("turns", torch.tensor([1 + 2j]))
    set_precision(module, Precision.FLOAT16, CPU)
    assert module.turns.tolist() == [1 + 2j]
    assert module.weight.dtype is torch.float16


def test_a_second_precision_is_refused():
    module = nn.Linear(1, 1)
    set_precision(module, Precision.FLOAT16, CPU)
    with pytest.raises(PrecisionError, match="in float16 already; load it again for bfloat16"):
        set_precision(module, Precision.BFLOAT16, CPU)


def test_nested_inputs_and_outputs():
    module = Spying()
    set_precision(module, Precision.BFLOAT16, CPU)
    ones = torch.ones(2)
    given = [ones, (ones, {"a": [ones]}), Pair(ones, ones.double())]
    answer = module(given)[0]
    assert module.seen == ["bfloat16"] * 5
    assert [tensor.dtype for tensor in tensors_in(answer)] == [torch.float32] * 5
    assert type(answer[2]) is Pair
    assert type(answer[1]) is tuple


def test_what_has_no_floating_numbers_is_passed_as_it_is():
    module = Spying()
    set_precision(module, Precision.FLOAT16, CPU)
    words, mask = torch.arange(3), torch.tensor([True])
    sizes, options = torch.Size([2, 3]), {"beams": 4}
    answer = module(words=words, mask=mask, sizes=sizes, options=options, text="x", none=None)
    assert module.seen == ["int64", "bool"]
    assert answer["words"] is words
    assert answer["sizes"] is sizes
    assert answer["options"] is options


def test_dicts_and_records_keep_their_types_and_extras():
    class Output(collections.OrderedDict):
        """As libraries have them: a dict whose items are attributes too."""

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            super().__setattr__(key, value)

    @dataclass(frozen=True)
    class Record:
        logits: torch.Tensor
        name: str

    class Model(nn.Module):
        def forward(self, x):
            missing = collections.defaultdict(list, x=x)
            return Output(logits=x), Record(x, "cat"), missing

    module = Model()
    set_precision(module, Precision.FLOAT16, CPU)
    output, record, missing = module(torch.ones(2))
    assert type(output) is Output
    assert output.logits.dtype is output["logits"].dtype is torch.float32
    assert (type(record), record.name, record.logits.dtype) == (Record, "cat", torch.float32)
    assert missing["x"].dtype is torch.float32
    assert missing["other"] == []


@pytest.mark.parametrize("word", ["double", "half", "fp16", "FLOAT16", "", "autocast"])
def test_an_unknown_word_lists_the_words(word):
    with pytest.raises(PrecisionError) as caught:
        Precision.parse(word)
    assert "use one of float32, float16, bfloat16, autocast-float16, autocast-bfloat16" in str(
        caught.value
    )


@pytest.mark.parametrize("word", HALVES)
def test_a_module_is_freed_as_soon_as_nobody_holds_it(word):
    """Its weights may be most of the device's memory: it must not hold itself."""
    module = Classifier()
    set_precision(module, word, CPU)
    module(torch.rand(1, 3, 4, 4))
    gone = weakref.ref(module.out.weight)
    gc.disable()
    try:
        del module
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("word", Precision)
def test_answers_on_cuda_are_close_to_float32(classifier, word):
    cuda = torch.device("cuda", 0)
    pictures = torch.rand(2, 3, 12, 12)
    expected = classifier(pictures)
    module = classifier.to(cuda)
    set_precision(module, word, cuda)
    with torch.inference_mode():
        found = module(pictures.to(cuda))
    assert (found.dtype, found.device) == (torch.float32, cuda)
    tolerance = max(1e-3, TOLERANCE[word.removeprefix("autocast-")])
    torch.testing.assert_close(found.cpu(), expected, rtol=tolerance, atol=tolerance)

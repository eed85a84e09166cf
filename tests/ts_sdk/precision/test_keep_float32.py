"""Layers that stay in float32 are named by patterns; the others do not notice."""

import gc
import weakref

import pytest
import torch
from small_models import Overflowing, linear
from torch import nn

from ts_sdk.errors import NonFiniteOutputError, PrecisionError
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(2)
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        return x + self.linear(self.norm(x))


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def formats(module):
    return {name: str(weight.dtype)[6:] for name, weight in module.state_dict().items()}


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["head"], {"head.weight", "head.bias"}),
        (["layers.*.norm"], {f"layers.{n}.norm.{w}" for n in (0, 1) for w in ("weight", "bias")}),
        (
            ["layers.1"],
            {f"layers.1.{p}" for p in ("norm.weight", "norm.bias", "linear.weight", "linear.bias")},
        ),
        (
            ["layers.1", "layers.1.norm", "*.1.*"],
            {f"layers.1.{p}" for p in ("norm.weight", "norm.bias", "linear.weight", "linear.bias")},
        ),
    ],
)
@pytest.mark.parametrize("word", ["float16", "bfloat16"])
def test_what_patterns_name_stays_with_all_inside_of_it(patterns, kept, word):
    torch.manual_seed(0)
    module = Stack()
    expected = module(torch.ones(1, 2))
    set_precision(module, Precision(word), CPU, keep_float32=patterns)
    found = formats(module)
    assert {name for name, dtype in found.items() if dtype == "float32"} == kept
    assert set(found.values()) == {"float32", word}
    answer = module(torch.ones(1, 2))
    assert answer.dtype is torch.float32
    torch.testing.assert_close(answer, expected, rtol=5e-2, atol=2e-2)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("heads", "did you mean head?"),
        ("layers.*.norms", "did you mean layers."),
        ("*.linear.*", "did you mean layers."),
        ("zzz", "its layers are layers, layers.0, layers.0.norm, layers.0.linear, layers.1, ..."),
    ],
)
def test_a_pattern_that_fits_no_layer_is_an_error_with_names_that_are_near(pattern, hint):
    with pytest.raises(PrecisionError) as caught:
        set_precision(Stack(), Precision.FLOAT16, CPU, keep_float32=["head", pattern])
    assert f"keep_float32: Stack has no layer '{pattern}'" in str(caught.value)
    assert hint in str(caught.value)


def test_a_model_without_layers_says_so():
    with pytest.raises(PrecisionError, match="Linear has no layer 'x'; it has none"):
        set_precision(nn.Linear(1, 1), Precision.FLOAT16, CPU, keep_float32=["x"])


def test_a_layer_that_overflows_is_right_when_it_is_kept():
    module = Overflowing()
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["scale", "back"])
    torch.testing.assert_close(module(torch.ones(1, 2)), torch.full((1, 2), 2.0))


def test_what_lies_between_two_kept_layers_keeps_its_range():
    """A residual connection around them, and code of the model's own."""

    class Between(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = linear(1e5)
            self.down = linear(1e-5)

        def forward(self, x):
            large = self.up(x)
            return self.down(torch.relu(large) + large)

    module = Between()
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["up", "down"])
    torch.testing.assert_close(module(torch.ones(1, 2)), torch.full((1, 2), 2.0))


def test_under_autocast_a_kept_layer_computes_in_float32():
    module = Overflowing()
    set_precision(module, Precision.AUTOCAST_FLOAT16, CPU, keep_float32=["scale", "back"])
    torch.testing.assert_close(module(torch.ones(1, 2)), torch.full((1, 2), 2.0))


def test_a_kept_softmax_inside_of_attention_goes_with_half_values():
    """Matrix products refuse operands of two formats; autocast makes them one."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (linear(1.0) for _ in range(3))
            self.softmax = nn.Softmax(dim=-1)

        def forward(self, x):
            weights = self.softmax(self.query(x) @ self.key(x).transpose(-1, -2))
            return weights @ self.value(x)

    module = Attention()
    given = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    expected = module(given)
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["softmax"])
    torch.testing.assert_close(module(given), expected, rtol=2e-3, atol=2e-3)


def test_layers_that_torch_would_go_round_are_kept_too():
    """`TransformerEncoderLayer` has a fast path that takes the weights out of its layers."""
    torch.manual_seed(0)
    module = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    given = torch.rand(1, 3, 4)
    with torch.inference_mode():
        expected = module(given)
        set_precision(module, Precision.FLOAT16, CPU, keep_float32=["linear1", "norm2"])
        torch.testing.assert_close(module(given), expected, rtol=1e-2, atol=1e-2)


def test_integers_go_into_a_kept_embedding_as_they_are():
    module = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 1))
    expected = module(torch.tensor([1, 3]))
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["0"])
    torch.testing.assert_close(module(torch.tensor([1, 3])), expected, rtol=1e-2, atol=1e-2)


def test_a_weight_that_a_kept_layer_shares_becomes_two():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(4, 2)
            self.head = nn.Linear(2, 4, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, x):
            return self.head(self.embedding(x))

    module = Tied()
    expected = module(torch.tensor([2]))
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["head"])
    assert formats(module) == {"embedding.weight": "float16", "head.weight": "float32"}
    torch.testing.assert_close(module(torch.tensor([2])), expected, rtol=1e-2, atol=1e-2)


def test_a_model_with_kept_layers_is_freed_as_soon_as_nobody_holds_it():
    module = Overflowing()
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["scale", "back"])
    module(torch.ones(1, 2))
    gone = weakref.ref(module.first.weight)
    gc.disable()
    try:
        del module
        assert gone() is None
    finally:
        gc.enable()


def test_other_layers_to_keep_are_another_precision():
    module = Overflowing()
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["scale"])
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["scale"])
    with pytest.raises(PrecisionError, match="in float16 already; load it again"):
        set_precision(module, Precision.FLOAT16, CPU, keep_float32=["back"])


def test_an_error_behind_kept_layers_is_compared_with_float32():
    """The copy that the search makes has no casts left in it."""
    module = nn.Sequential(Overflowing(), linear(300.0), linear(300.0))
    set_precision(module, Precision.FLOAT16, CPU, keep_float32=["0"])
    with pytest.raises(
        NonFiniteOutputError, match=r"layer 2 .* gives numbers up to 180000 in float32"
    ):
        module(torch.ones(1, 2))
    assert module[0](torch.ones(1, 2)).isfinite().all()

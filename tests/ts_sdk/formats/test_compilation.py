"""`torch.compile`, as `pt2` of model-config.yaml asks for it."""

import gc
import logging
import weakref

import pytest
import torch
from torch import nn

from ts_sdk.errors import ConfigError, ModelFormatError, NonFiniteOutputError
from ts_sdk.formats import load_module
from ts_sdk.formats.compilation import Compilation, compile_as_configured

GIVEN = torch.ones(2, 2)
SAME = """
    from torch import nn

    class Same(nn.Module):
        def forward(self, x):
            return x * 1
"""


class Doubling(nn.Module):
    def forward(self, x):
        return x * 2


@pytest.fixture(scope="module", autouse=True)
def backends():
    """A backend that counts what it compiles, and one that never can."""
    compiled = []

    def counting(graph, inputs):
        compiled.append(graph)
        return graph.forward

    def failing(graph, inputs):
        raise ValueError("this backend compiles nothing\nand says so at length")

    torch.compiler.reset()
    torch._dynamo.register_backend(counting, name="counting")
    torch._dynamo.register_backend(failing, name="failing")
    yield compiled
    torch._dynamo.backends.registry._BACKENDS.pop("counting")
    torch._dynamo.backends.registry._BACKENDS.pop("failing")
    torch._dynamo.backends.registry._COMPILER_FNS.pop("counting")
    torch._dynamo.backends.registry._COMPILER_FNS.pop("failing")
    torch.compiler.reset()


def configured(pt2, module=None):
    module = Doubling() if module is None else module
    compile_as_configured(module, {"pt2": pt2})
    return module


@pytest.mark.parametrize(
    "pt2",
    [
        "counting",
        {"backend": "counting"},
        {"compile": {"enable": True, "backend": "counting", "dynamic": True}},
        {"compile": {"backend": "counting"}},
    ],
)
def test_all_spellings_compile_at_the_first_call(pt2, backends):
    torch.compiler.reset()
    backends.clear()
    module = configured(pt2)
    assert type(module) is Doubling
    assert not backends
    assert module(GIVEN).tolist() == (GIVEN * 2).tolist()
    assert module(GIVEN).tolist() == (GIVEN * 2).tolist()
    assert len(backends) == 1


@pytest.mark.parametrize(
    "pt2",
    [
        None,
        {"compile": {"enable": False, "backend": "nothing like that"}},
        {"compile": False},
        {"export": {"aot_compile": True}},
    ],
)
def test_where_nothing_is_asked_for_the_module_stays_as_it_is(pt2):
    assert "forward" not in vars(configured(pt2))


@pytest.mark.parametrize(
    ("pt2", "problems"),
    [
        (3, ["pt2 must be a backend or a section, not 3"]),
        ({"compile": "yes"}, ["pt2.compile must be a section"]),
        (
            {"compile": {"bakend": "inductor", "dynamic": "maybe"}},
            ["pt2.compile.bakend is not a setting; did you mean backend?", "true or false"],
        ),
        ({"moed": "default"}, ["pt2.moed is not a setting; did you mean mode?"]),
        ("countin", ["no backend 'countin'; did you mean counting? installed are"]),
        ({"compile": {"mode": "fastest"}}, ["torch.compile refuses it: Unrecognized mode"]),
    ],
)
def test_what_means_nothing_is_named_before_the_first_call(pt2, problems):
    with pytest.raises(ConfigError) as caught:
        configured(pt2)
    assert len(caught.value.problems) == len(problems)
    for problem, found in zip(problems, caught.value.problems, strict=True):
        assert problem in found
        assert found.startswith("model-config.yaml: ")


class TestFailing:
    def test_is_an_error_that_names_the_setting_at_every_call(self):
        module = configured("failing")
        for _ in range(2):
            with pytest.raises(ModelFormatError, match="this backend compiles nothing") as caught:
                module(GIVEN)
            assert "pt2: {compile: {fallback: true}}" in str(caught.value)
            assert "at length" not in str(caught.value)

    def test_runs_uncompiled_where_that_was_asked_for_and_says_so_once(self, caplog):
        module = configured({"compile": {"backend": "failing", "fallback": True}})
        with caplog.at_level(logging.WARNING, "ts_sdk"):
            for _ in range(3):
                assert module(GIVEN).tolist() == (GIVEN * 2).tolist()
        (record,) = [each for each in caplog.records if each.name.startswith("ts_sdk")]
        assert "runs uncompiled: " in record.message
        assert "this backend compiles nothing" in record.message

    def test_of_the_model_itself_is_the_models_own_error(self):
        torch.compiler.reset()
        module = configured("counting", nn.Linear(3, 1))
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            module(GIVEN)
        assert module(torch.ones(1, 3)).shape == (1, 1)


def test_a_form_that_was_compiled_already_is_left_alone_with_a_warning(
    tmp_path, affine, script, save_scripted, caplog
):
    path = save_scripted(script(affine), tmp_path / "m.pt")
    module = load_module(path, device=torch.device("cpu"))
    compile_as_configured(module, {"pt2": "counting"})
    assert "has no effect on RecursiveScriptModule" in caplog.text
    assert module(GIVEN).tolist() == [[6.0], [6.0]]


def test_the_graph_of_an_exported_program_is_compiled(tmp_path, program_bytes, backends):
    torch.compiler.reset()
    backends.clear()
    (tmp_path / "m.pt2").write_bytes(program_bytes)
    module = load_module(tmp_path / "m.pt2", device=torch.device("cpu"))
    compile_as_configured(module, {"pt2": "counting"})
    assert module(GIVEN).tolist() == [[6.0], [6.0]]
    assert len(backends) == 1


def test_a_compiled_module_is_freed_when_nobody_holds_it():
    module = configured("counting", nn.Linear(2, 1))
    module(GIVEN)
    alive = weakref.ref(module)
    del module
    gc.collect()
    assert alive() is None


def test_a_handler_compiles_what_its_archives_config_asks_for(load_folder, backends):
    torch.compiler.reset()
    backends.clear()
    model = load_folder(
        {"model.py": SAME},
        handler="base_handler",
        model_file="model.py",
        config="pt2: {compile: {enable: true, backend: counting}}",
    )
    assert model.predict([1.0, 2.0]) == [1.0, 2.0]
    assert len(backends) == 1


def test_half_precision_and_compilation_go_together(load_folder, backends):
    torch.compiler.reset()
    backends.clear()
    model = load_folder(
        {"model.py": SAME},
        handler="base_handler",
        model_file="model.py",
        config="pt2: counting",
        precision="bfloat16",
    )
    assert model.predict([1.0, 1.001]) == [1.0, 1.0]
    assert len(backends) == 1


class Widening(nn.Module):
    """Multiplies by 300 and squares, which float16 cannot hold, and divides again."""

    def forward(self, x):
        return (x * 300) ** 2 / 90000


class WithWidening(nn.Module):
    """The square of the input's sum; its graph asserts the formats of the numbers in it."""

    def __init__(self):
        super().__init__()
        self.sum = nn.Linear(2, 1, bias=False)
        self.wide = Widening()
        nn.init.ones_(self.sum.weight)

    def forward(self, x):
        return self.wide(self.sum(x)).to(x.dtype)


class TestAnExportedProgramInHalfPrecision:
    @pytest.fixture
    def load_compiled(self, load_folder, tmp_path, backends):
        torch.compiler.reset()
        backends.clear()
        torch.export.save(
            torch.export.export(WithWidening().eval(), (torch.ones(1, 2),)), tmp_path / "m.pt2"
        )

        def load(**options):
            return load_folder(
                {"m.pt2": (tmp_path / "m.pt2").read_bytes()},
                handler="base_handler",
                serialized_file="m.pt2",
                config="pt2: {compile: {backend: counting}}",
                **options,
            )

        return load

    @pytest.mark.parametrize("precision", ["float16", "bfloat16"])
    def test_is_compiled_with_the_layers_that_stay_in_float32(
        self, load_compiled, backends, precision
    ):
        model = load_compiled(precision=precision, keep_float32=["wide"])
        assert model.predict([1.0, 2.0]) == [9.0]
        assert len(backends) == 1

    def test_is_compiled_without_what_the_graph_asserts_of_formats(self, load_compiled, backends):
        model = load_compiled(precision="autocast-bfloat16")
        assert model.predict([1.0, 2.0]) == pytest.approx([9.0], rel=0.01)
        assert len(backends) == 1

    def test_names_the_layer_that_is_at_fault(self, load_compiled):
        model = load_compiled(precision="float16")
        with pytest.raises(NonFiniteOutputError, match="gives numbers up to 810000 in") as caught:
            model.predict([1.0, 2.0])
        assert caught.value.layer == "wide"


@pytest.mark.slow
def test_inductor_compiles_for_the_processor():
    torch.compiler.reset()
    module = configured("inductor", nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval())
    expected = nn.Sequential.forward(module, GIVEN)
    torch.testing.assert_close(module(GIVEN), expected)


def test_nothing_is_wanted_of_no_section():
    assert Compilation.wanted(None) is None

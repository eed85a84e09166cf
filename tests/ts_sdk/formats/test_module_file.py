"""The module that a model file defines, and the weights that go into it."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ts_sdk.errors import ModelFormatError
from ts_sdk.formats import load_module
from ts_sdk.formats.module_file import fill_module

CPU = torch.device("cpu")


@pytest.fixture
def load(write_folder, tmp_path):
    """Load weights into the module of a model file's text."""

    def loading(text, state, *, suffix="pt"):
        path = tmp_path / f"weights.{suffix}"
        if suffix == "safetensors":
            save_file(state, path)
        else:
            torch.save(state, path)
        folder = write_folder({"model.py": text, "layers.py": LAYERS})
        return load_module(path, device=CPU, model_file=folder / "model.py")

    return loading


LAYERS = """
    from torch import nn
    class Block(nn.Module):
        def forward(self, x): return x + 1
"""
LINEAR = """
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 1)
"""
STATE = {"a.weight": torch.ones(1, 2), "a.bias": torch.zeros(1)}


class TestTheClass:
    def test_imported_modules_do_not_count(self, load):
        text = """
            from torch import nn
            from torch.nn import Linear
            from layers import Block
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.block = Block()
                def forward(self, x): return self.block(x)
            Model = Net
        """
        assert load(text, {})(1) == 2

    def test_several_or_none_are_listed(self, load):
        several = (
            "from torch import nn\nclass A(nn.Module): pass\nclass B(nn.Module): pass\nAgain = A"
        )
        with pytest.raises(ModelFormatError, match=r"exactly one .* found A, B; move the others"):
            load(several, {})
        with pytest.raises(ModelFormatError, match="found none"):
            load("X = 1", {})

    def test_one_that_needs_arguments_says_so(self, load):
        text = "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, width): pass"
        with pytest.raises(ModelFormatError, match=r"Net\(\) cannot be called without .*'width'"):
            load(text, STATE)

    def test_one_whose_constructor_fails_names_the_line(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.a = nn.Linear("two", 1)
        """
        with pytest.raises(ModelFormatError, match=r"Net\(\) failed: TypeError.*model\.py:6"):
            load(text, STATE)

    def test_a_file_whose_import_fails_names_the_line_and_what_to_do(self, load):
        with pytest.raises(
            ModelFormatError, match=r"model\.py failed: .*no_such_package.*model\.py:2.*install"
        ):
            load("import torch\nimport no_such_package", STATE)

    def test_a_syntax_error_names_the_line(self, load):
        with pytest.raises(ModelFormatError, match=r"SyntaxError.*model\.py:2"):
            load("import torch\nclass Net(:", STATE)


class TestWeightsThatDoNotFit:
    def test_missing_and_unknown_names(self, load):
        with pytest.raises(
            ModelFormatError,
            match=r"weights\.pt does not fit Net: missing a\.weight; unknown a\.other",
        ):
            load(LINEAR, {"a.bias": torch.zeros(1), "a.other": torch.zeros(1)})

    def test_shapes_are_told_together_with_names(self, load):
        state = {"a.weight": torch.ones(3, 2), "extra": torch.ones(1)}
        with pytest.raises(ModelFormatError) as caught:
            load(LINEAR, state)
        assert "missing a.bias; unknown extra; a.weight is (3, 2) where (1, 2) is expected" in str(
            caught.value
        )

    def test_only_the_first_names_are_shown(self, load):
        with pytest.raises(ModelFormatError, match=r"unknown 0\.x, 1\.x, .* and 95 more"):
            load(LINEAR, STATE | {f"{number}.x": torch.ones(1) for number in range(100)})

    @pytest.mark.parametrize(
        ("prefix", "wrapper"),
        [("module.", "DataParallel"), ("_orig_mod.", "torch.compile"), ("net.", "a wrapper")],
    )
    def test_a_wrappers_prefix_is_recognised(self, load, prefix, wrapper):
        with pytest.raises(ModelFormatError, match=f"saved from {wrapper}: save the wrapped"):
            load(LINEAR, {f"{prefix}{name}": tensor for name, tensor in STATE.items()})

    def test_a_checkpoint_of_a_training_run_names_the_part_to_save(self, load):
        state = {"epoch": 3, "state_dict": STATE, "optimizer": {"lr": 0.1}}
        with pytest.raises(ModelFormatError, match=r"checkpoint\['state_dict'\] by itself"):
            load(LINEAR, state)

    def test_a_dict_of_numbered_tensors_is_no_state_dict(self, load):
        with pytest.raises(ModelFormatError, match="numbered tensors"):
            load(LINEAR, {0: torch.ones(1)})


class TestWeightsThatFitInTheirOwnWay:
    """Whatever `load_state_dict` accepts by hand is accepted here."""

    def test_tied_weights_that_the_file_holds_once(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.inside = nn.Linear(2, 2, bias=False)
                    self.outside = nn.Linear(2, 2, bias=False)
                    self.outside.weight = self.inside.weight
                def forward(self, x): return self.outside(self.inside(x))
        """
        net = load(text, {"outside.weight": 3 * torch.eye(2)}, suffix="safetensors")
        assert net.inside.weight is net.outside.weight
        assert net(torch.ones(1, 2)).tolist() == [[9.0, 9.0]]

    def test_old_batch_norms_without_a_batch_count(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.norm = nn.BatchNorm1d(2)
        """
        state = nn.BatchNorm1d(2).state_dict()
        state = {f"norm.{name}": tensor for name, tensor in state.items()}
        del state["norm.num_batches_tracked"]
        assert load(text, state, suffix="safetensors").norm.num_batches_tracked == 0

    def test_names_that_the_module_translates_itself(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.a = nn.Linear(2, 1)
                def _load_from_state_dict(self, state, prefix, *others):
                    for name in ("weight", "bias"):
                        state[prefix + "a." + name] = state.pop(prefix + "old_name." + name)
                    super()._load_from_state_dict(state, prefix, *others)
        """
        state = {f"old_name.{name[2:]}": tensor for name, tensor in STATE.items()}
        assert load(text, state).a.weight.tolist() == [[1.0, 1.0]]

    def test_lazy_layers_take_their_shapes_from_the_weights(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.a = nn.LazyLinear(1)
        """
        assert load(text, STATE).a(torch.ones(1, 2)).item() == 2.0

    def test_state_of_a_modules_own(self, load):
        text = """
            from torch import nn
            class Net(nn.Module):
                def get_extra_state(self): return self.notes
                def set_extra_state(self, notes): self.notes = notes
                notes = None
        """
        assert load(text, {"_extra_state": {"classes": 3}}).notes == {"classes": 3}


def test_whole_numbers_are_no_weights(tmp_path):
    """A safetensors header may lie about its types, and torch would convert them in silence."""
    module = nn.Linear(2, 1)
    state = {"weight": torch.ones(1, 2, dtype=torch.int32), "bias": torch.zeros(1)}
    with pytest.raises(ModelFormatError, match="weight is int32 where float32 is expected"):
        fill_module(module, state, tmp_path / "m.safetensors")

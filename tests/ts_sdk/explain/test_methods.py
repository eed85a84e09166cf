"""The table of methods and forms: what it calls right is as in eager, all else is refused."""

import warnings

import pytest
import torch
from torch import nn

from ts_sdk.errors import ExplanationError
from ts_sdk.explain import Form, Method, support
from ts_sdk.explain.calls import noted
from ts_sdk.explain.explaining import Explainer, Wish
from ts_sdk.explain.modules import form_of
from ts_sdk.explain.options import options_of
from ts_sdk.formats import load_module
from ts_sdk.precision import Precision, set_precision

PICTURE = torch.linspace(-1, 1, 3 * 6 * 6).reshape(1, 3, 6, 6)
IN_FILES = {
    Form.TORCHSCRIPT: "model.pt",
    Form.EXPORTED: "model.pt2",
    Form.ONNX: "model.onnx",
    Form.AOTINDUCTOR: "compiled.pt2",
}
FORMS = [
    Form.TORCHSCRIPT,
    Form.EXPORTED,
    Form.ONNX,
    Form.HALF,
    Form.COMPILED,
    pytest.param(Form.AOTINDUCTOR, marks=pytest.mark.slow),  # a C++ compiler takes its time
]
PLAIN = [method for method in Method if method is not Method.LAYER_INTEGRATED_GRADIENTS]


class Small(nn.Module):
    """A convolution and a layer, with activations that Captum can watch."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.first, self.last = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(64, 3)

    def forward(self, x):
        return self.last(self.first(self.conv(x)).flatten(1))


class Functional(Small):
    """The same, with an activation that no method can watch."""

    def forward(self, x):
        return self.last(torch.relu(self.conv(x)).flatten(1))


def in_form(form, folder):
    """`Small` in *form*."""
    module, device = Small().eval(), torch.device("cpu")
    if form is Form.HALF:
        set_precision(module.bfloat16(), Precision.BFLOAT16, device)
        return module
    if form is Form.COMPILED:
        return torch.compile(module, backend="eager")
    if form is Form.EAGER:
        return module
    path = folder / IN_FILES[form]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form is Form.TORCHSCRIPT:
            torch.jit.save(torch.jit.script(module), path)
        else:
            program = torch.export.export(
                module, (PICTURE,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
            )
            if form is Form.EXPORTED:
                torch.export.save(program, path)
            elif form is Form.AOTINDUCTOR:
                torch._inductor.aoti_compile_and_package(program, package_path=str(path))
            else:
                pytest.importorskip("onnxscript")
                torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    return load_module(path, device=device)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = {}

    def model_of(form):
        if form not in made:
            made[form] = in_form(form, tmp_path_factory.mktemp(form))
        return made[form]

    return model_of


def explain(module, method, form):
    precision = Precision.BFLOAT16 if form is Form.HALF else Precision.FLOAT32
    explainer = Explainer(module, precision)
    with noted(module) as calls, torch.inference_mode():
        module(PICTURE)
    wish = Wish(method=method, options=options_of(cells=6, samples=8))
    return explainer.explain(calls[0], 1, wish)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", PLAIN)
def test_each_pairing_is_as_in_eager_or_refused_with_the_alternative(models, method, form):
    told = support(method, form)
    if not told.is_right:
        with pytest.raises(ExplanationError, match=f"take {told.alternative}") as caught:
            explain(models(form), method, form)
        assert caught.value.alternative == told.alternative
        assert support(told.alternative, form).is_right
        return
    expected = explain(models(Form.EAGER), method, Form.EAGER).attributions
    found = explain(models(form), method, form)
    largest = abs(expected).max()
    assert largest > 1e-3
    share = 0.05 if form is Form.HALF else 1e-4  # whose weights have 8 bits
    assert abs(found.attributions - expected).max() <= share * largest
    assert found.form is form


@pytest.mark.parametrize("form", [Form.EAGER, *FORMS])
def test_auto_is_always_right(models, form):
    found = explain(models(form), None, form)
    assert support(found.method, form).is_right


def test_a_form_that_gives_no_gradients_is_explained_by_covering():
    for form in (Form.ONNX, Form.AOTINDUCTOR):
        right = {method for method in Method if support(method, form).is_right}
        assert right == {"occlusion", "feature_ablation", "shapley_sampling", "kernel_shap"}


def test_half_precision_is_explained_in_float32_and_says_so(models):
    found = explain(models(Form.HALF), Method.INTEGRATED_GRADIENTS, Form.HALF)
    assert "float32" in found.note
    assert "bfloat16" in found.note
    half = models(Form.HALF)
    assert {each.dtype for each in half.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("method", [Method.DEEP_LIFT, Method.GUIDED_BACKPROP])
def test_activations_that_cannot_be_watched_are_refused(method):
    with pytest.raises(ExplanationError, match=r"wrong for this model.*take integrated_gradients"):
        explain(Functional().eval(), method, Form.EAGER)


def test_guided_backpropagation_lets_no_negative_gradient_through():
    module = Small().eval()
    found = torch.tensor(explain(module, Method.GUIDED_BACKPROP, Form.EAGER).attributions)[None]
    hidden = module.conv(PICTURE)
    weights = module.last.weight[1].view_as(hidden)
    kept = weights.clamp(min=0) * (hidden > 0)
    expected = nn.functional.conv_transpose2d(kept, module.conv.weight)
    assert torch.allclose(found, expected, atol=1e-5)


def test_grad_cam_weighs_the_channels_by_their_mean_gradients():
    module = Small().eval()
    found = torch.tensor(explain(module, Method.GRAD_CAM, Form.EAGER).attributions).sum(0)
    hidden = module.conv(PICTURE)
    gradients = module.last.weight[1].view_as(hidden) * (hidden > 0)
    seen = (gradients.mean((2, 3), keepdim=True) * hidden).sum(1, keepdim=True).relu()
    expected = nn.functional.interpolate(seen, (6, 6), mode="bilinear")[0, 0]
    assert expected.max() > 0
    assert torch.allclose(found, expected, atol=1e-6)


def test_explaining_leaves_the_model_as_it_was(models):
    module = models(Form.EAGER)
    before = module(PICTURE).detach()
    for method in (Method.DEEP_LIFT, Method.GUIDED_BACKPROP, Method.GRAD_CAM):
        explain(module, method, Form.EAGER)
    assert torch.equal(module(PICTURE), before)
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert not any(each._forward_hooks or each._backward_hooks for each in module.modules())
    assert "forward" not in vars(module)


def test_the_form_of_a_model_is_seen(models):
    for form in (Form.EAGER, Form.TORCHSCRIPT, Form.EXPORTED, Form.ONNX, Form.COMPILED):
        assert form_of(models(form)) is form


def test_a_method_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(ExplanationError, match=r"no method 'magic'; there are auto, integrated_"):
        Method.parse("magic")
    assert Method.parse("Grad-CAM") is Method.GRAD_CAM

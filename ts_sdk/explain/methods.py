"""Which method is right for which form of a model: the one table that decides it.

Captum hooks into layers, and raises nothing where their code runs outside of Python: there,
DeepLIFT and guided backpropagation give plain gradients under another name. Such pairings are
refused here.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from ts_sdk.errors import ExplanationError


class Method(StrEnum):
    """How an explanation is made."""

    INTEGRATED_GRADIENTS = "integrated_gradients"
    SALIENCY = "saliency"
    INPUT_X_GRADIENT = "input_x_gradient"
    GRADIENT_SHAP = "gradient_shap"
    DEEP_LIFT = "deep_lift"
    GUIDED_BACKPROP = "guided_backprop"
    GRAD_CAM = "grad_cam"
    LAYER_INTEGRATED_GRADIENTS = "layer_integrated_gradients"
    OCCLUSION = "occlusion"
    FEATURE_ABLATION = "feature_ablation"
    SHAPLEY_SAMPLING = "shapley_sampling"
    KERNEL_SHAP = "kernel_shap"

    @classmethod
    def parse(cls, word: str) -> "Method":
        """The method that *word* names.

        Raises:
            ExplanationError: There is none of that name.
        """
        try:
            return cls(word.lower().replace("-", "_").replace(" ", "_"))
        except ValueError as error:
            raise ExplanationError(
                f"there is no method {word!r}; there are auto, {', '.join(cls)}"
            ) from error


class Form(StrEnum):
    """What a model is made of, as far as it matters here."""

    EAGER = "eager"
    HALF = "half"
    COMPILED = "compiled"
    TORCHSCRIPT = "torchscript"
    EXPORTED = "exported"
    AOTINDUCTOR = "aotinductor"
    ONNX = "onnx"


class Need(Enum):
    """What a method needs of a model, each more than the one before."""

    ANSWERS = auto()
    GRADIENTS = auto()
    LAYERS = auto()


NEEDS: dict[Method, Need] = {
    Method.INTEGRATED_GRADIENTS: Need.GRADIENTS,
    Method.SALIENCY: Need.GRADIENTS,
    Method.INPUT_X_GRADIENT: Need.GRADIENTS,
    Method.GRADIENT_SHAP: Need.GRADIENTS,
    Method.DEEP_LIFT: Need.LAYERS,
    Method.GUIDED_BACKPROP: Need.LAYERS,
    Method.GRAD_CAM: Need.LAYERS,
    Method.LAYER_INTEGRATED_GRADIENTS: Need.LAYERS,
    Method.OCCLUSION: Need.ANSWERS,
    Method.FEATURE_ABLATION: Need.ANSWERS,
    Method.SHAPLEY_SAMPLING: Need.ANSWERS,
    Method.KERNEL_SHAP: Need.ANSWERS,
}
GIVES: dict[Form, Need] = {
    Form.EAGER: Need.LAYERS,
    Form.HALF: Need.LAYERS,  # explained in float32
    Form.COMPILED: Need.LAYERS,  # explained as it was before
    Form.TORCHSCRIPT: Need.GRADIENTS,
    Form.EXPORTED: Need.GRADIENTS,
    Form.AOTINDUCTOR: Need.ANSWERS,
    Form.ONNX: Need.ANSWERS,
}
_WITHOUT_LAYERS = {
    Method.DEEP_LIFT: Method.INTEGRATED_GRADIENTS,
    Method.GUIDED_BACKPROP: Method.INTEGRATED_GRADIENTS,
    Method.GRAD_CAM: Method.OCCLUSION,
    Method.LAYER_INTEGRATED_GRADIENTS: Method.FEATURE_ABLATION,
}
_WHY = {
    Need.GRADIENTS: "its layers do not run in Python, where the method watches them",
    Need.ANSWERS: "it gives no gradients",
}


@dataclass(frozen=True)
class Support:
    """Whether a method is right for a form.

    Attributes:
        is_right: Whether it is.
        alternative: What to take in its place; None where it is right.
        reason: Why it is refused; empty where it is right.
    """

    is_right: bool
    alternative: Method | None = None
    reason: str = ""


def support(method: Method, form: Form) -> Support:
    """What the table says of *method* on a model of *form*."""
    needs, gives = NEEDS[method], GIVES[form]
    if needs.value <= gives.value:
        return Support(is_right=True)
    instead = _WITHOUT_LAYERS.get(method, Method.FEATURE_ABLATION)
    if NEEDS[instead].value > gives.value:
        instead = Method.FEATURE_ABLATION
    return Support(is_right=False, alternative=instead, reason=_WHY[gives])


def best(form: Form, *, is_tokens: bool) -> Method:
    """What ``auto`` stands for: the best method that is right.

    Args:
        form: That of the model.
        is_tokens: Whether the model is given tokens, which have no gradients.
    """
    wanted = Method.LAYER_INTEGRATED_GRADIENTS if is_tokens else Method.INTEGRATED_GRADIENTS
    found = support(wanted, form)
    return found.alternative or wanted


def refuse(method: Method, form: Form) -> None:
    """Raise where *method* is not right for *form*.

    Raises:
        ExplanationError: It is not; the message names one that is.
    """
    found = support(method, form)
    if not found.is_right:
        raise ExplanationError(
            f"{method} is wrong for a model of the form {form}: {found.reason}; take "
            f"{found.alternative}, or auto",
            alternative=found.alternative,
        )

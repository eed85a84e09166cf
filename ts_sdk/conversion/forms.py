"""The forms that an archive's model can be converted to."""

from enum import StrEnum

from ts_sdk.errors import ConversionError


class Form(StrEnum):
    """A form of serialized model, by the word of ``mar convert --to``."""

    SAFETENSORS = "safetensors"
    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    AOTI = "aoti"
    ONNX = "onnx"

    @classmethod
    def parse(cls, word: str) -> "Form":
        """The form that *word* names.

        Raises:
            ConversionError: There is no such form; the message lists those there are.
        """
        try:
            return cls(word)
        except ValueError:
            raise ConversionError(
                f"there is no form {word!r} to convert to: use one of {', '.join(cls)}"
            ) from None

    @property
    def suffix(self) -> str:
        """How a file of this form is called."""
        return _SUFFIXES[self]

    @property
    def is_exported(self) -> bool:
        """Whether it is made of a graph that `torch.export` draws up."""
        return self in (Form.PT2, Form.AOTI, Form.ONNX)

    @property
    def holds_code(self) -> bool:
        """Whether it needs no model file."""
        return self is not Form.SAFETENSORS


_SUFFIXES = {
    Form.SAFETENSORS: ".safetensors",
    Form.TORCHSCRIPT: ".pt",
    Form.PT2: ".pt2",
    Form.AOTI: ".pt2",
    Form.ONNX: ".onnx",
}

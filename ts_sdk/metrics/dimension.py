"""`Dimension`: one name and value by which a metric's samples are told apart."""

from dataclasses import dataclass


@dataclass
class Dimension:
    """A name and a value, as handlers hand them to ``dimensions=[...]``.

    Attributes:
        name: What is told, such as ``"Colour"``.
        value: Its value in this sample; shown as text.
    """

    name: str
    value: object

    def __str__(self) -> str:
        return f"{self.name}:{self.value}"

    def to_dict(self) -> dict[str, object]:
        """The same with TorchServe's keys, for JSON."""
        return {"Name": self.name, "Value": self.value}

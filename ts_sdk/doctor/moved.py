"""Names that newer releases of the packages which handlers use do not have any more.

Each was looked up in the releases: a name is listed from the first release on in which it was seen
to be missing. So what is found is certain, and some releases before may lack it already.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moved:
    """A name that went.

    Attributes:
        name: The full name; it stands for all below it too.
        distribution: What it was part of; ``python`` is Python itself.
        gone_since: The version from which on it is not there.
        instead: What to write in its place.
    """

    name: str
    distribution: str
    gone_since: str
    instead: str


GONE_METHODS: tuple[tuple[str, Moved], ...] = (
    (
        "transformers",
        Moved("encode_plus", "transformers", "5.0", "tokenizer(text, ...)"),
    ),
    (
        "transformers",
        Moved("batch_encode_plus", "transformers", "5.0", "tokenizer(texts, ...)"),
    ),
    ("PIL.ImageDraw", Moved("textsize", "pillow", "10.0", "draw.textbbox(...)")),
    ("PIL.ImageFont", Moved("getsize", "pillow", "10.0", "font.getbbox(...)")),
)
"""Methods, each with what a file imports that calls it."""

GONE_TASKS: dict[str, Moved] = {
    task: Moved(f"the pipeline {task!r}", "transformers", since, instead)
    for task, since, instead in (
        ("conversational", "4.45", "the pipeline 'text-generation' with a list of messages"),
        ("question-answering", "5.10", "AutoModelForQuestionAnswering"),
        ("summarization", "5.0", "AutoModelForSeq2SeqLM and generate()"),
        ("text2text-generation", "5.0", "AutoModelForSeq2SeqLM and generate()"),
        ("translation", "5.0", "AutoModelForSeq2SeqLM and generate()"),
    )
}
"""Tasks of `transformers.pipeline`."""

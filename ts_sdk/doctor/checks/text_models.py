"""Whether the libraries are here with which `TextClassifier` reads an archive's files."""

from collections.abc import Iterator

from ts_sdk.doctor.checks.imports import what_to_install
from ts_sdk.doctor.environment import has_module
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.subject import Subject
from ts_sdk.doctor.transformers_folder import CONFIG, transformers_model_type

_TOKENIZER = "tokenizer.json"


def missing_text_libraries(subject: Subject) -> Iterator[Finding]:
    """A tokenizer, or a folder of transformers, whose library is not installed."""
    kind = transformers_model_type(subject)
    if kind is not None and _is_missing(subject, "transformers"):
        yield _missing(
            subject,
            CONFIG,
            "transformers",
            f"it says that transformers loads the model (a {kind}), and that is not installed; a "
            "TorchScript or exported program of the model would not need it",
        )
    if (
        (subject.is_for_text and subject.needs_model)
        and _TOKENIZER in subject.names
        and _is_missing(subject, "tokenizers")
    ):
        yield _missing(
            subject,
            _TOKENIZER,
            "tokenizers",
            "the handler reads it with the library tokenizers, which is not installed",
        )


def _is_missing(subject: Subject, library: str) -> bool:
    return not subject.own.owns(library) and not has_module(library)


def _missing(subject: Subject, member: str, library: str, message: str) -> Finding:
    return Finding(
        check="missing-import",
        severity=Severity.CHANGE,
        member=member,
        message=message,
        fix=what_to_install(subject, library),
    )

"""Whether the model file defines the one module that `BaseHandler` builds."""

import ast
from collections.abc import Iterator

from archiver.source_checks.model_file import module_classes
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.sources import Source, needed_arguments
from ts_sdk.doctor.subject import Subject


def model_classes(subject: Subject) -> Iterator[Finding]:
    """A model file with no module class, with several, or with one that cannot be built."""
    source = subject.parsed(subject.model.model_file)
    if source is None or not subject.loads_by_base or source.outline.may_bind_more:
        return
    classes = module_classes(source.outline)
    if len(classes) > 1 and _are_certain(source, classes):
        yield _finding(
            "several-models",
            source,
            Severity.CHANGE,
            f"it defines {len(classes)} nn.Module classes, and none of them is named: "
            f"{', '.join(classes)}",
            "move the others into a module that it imports",
            source.outline.classes[classes[-1]].line,
        )
    elif not classes and not source.outline.may_have_more_classes:
        others = ", ".join(source.outline.classes) or "none"
        yield _finding(
            "no-model-class",
            source,
            Severity.BLOCKS,
            f"it defines no nn.Module class (its classes: {others})",
            "pack the file that defines the model: torch-model-archiver lets an extra file of the "
            "same name overwrite it",
        )
    elif len(classes) == 1:
        yield from _judge_constructor(source, classes[0])


def _are_certain(source: Source, classes: list[str]) -> bool:
    """Whether each of the classes is a module for sure, and not by a base from elsewhere."""
    return all(
        any(base.startswith("torch.nn.") for base in source.outline.foreign_bases(name))
        for name in classes
    )


def _judge_constructor(source: Source, name: str) -> Iterator[Finding]:
    """Say so when the class cannot be called without arguments."""
    node = source.classes.get(name)
    for each in node.body if node is not None else ():
        if (
            isinstance(each, ast.FunctionDef)
            and each.name == "__init__"
            and not each.decorator_list
        ):
            needed = needed_arguments(each.args)
            if needed:
                yield _finding(
                    "model-needs-arguments",
                    source,
                    Severity.CHANGE,
                    f"{name}() is built without arguments, and needs {', '.join(needed)}",
                    "give its parameters defaults, or make a subclass that fills them in",
                    each.lineno,
                )


def _finding(
    check: str, source: Source, severity: Severity, message: str, fix: str, line: int | None = None
) -> Finding:
    return Finding(
        check=check, severity=severity, member=source.name, line=line, message=message, fix=fix
    )

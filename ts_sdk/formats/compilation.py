"""`torch.compile`, as the section `pt2` of `model-config.yaml` asks for it."""

import difflib
import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import ConfigError, ModelFormatError

if TYPE_CHECKING:
    from torch import nn

_logger = logging.getLogger(__name__)
_Forward = Callable[..., Any]
_Compile = Callable[[_Forward], _Forward]

_SWITCH = (bool, "true or false")
_WORD = (str, "a word")
_ARGUMENTS: Mapping[str, tuple[type, str]] = {
    "backend": _WORD,
    "dynamic": _SWITCH,
    "fullgraph": _SWITCH,
    "mode": _WORD,
    "options": (dict, "a section of names and values"),
}
"""What `torch.compile` takes, apart from the model."""
_FALLBACK = "pt2: {compile: {fallback: true}}"


@dataclass(frozen=True)
class Compilation:
    """What was asked for.

    Attributes:
        arguments: Those of `torch.compile`, beside the model.
        fallback: Whether a model that cannot be compiled runs as it is.
    """

    arguments: Mapping[str, Any]
    fallback: bool = False

    @classmethod
    def wanted(cls, pt2: object) -> "Compilation | None":
        """What the section *pt2* asks for; None when that is no compilation.

        TorchServe's three spellings are ``pt2: inductor``, ``pt2: {backend: inductor}`` and
        ``pt2: {compile: {enable: true, backend: inductor}}``.

        Raises:
            ConfigError: It has a name or a value that means nothing; all problems are named.
        """
        if pt2 is None:
            return None
        if isinstance(pt2, str):
            return cls({"backend": pt2})
        if not isinstance(pt2, Mapping):
            raise _wrong(f"pt2 must be a backend or a section, not {pt2!r}")
        if "compile" in pt2:
            return cls._of_section("pt2.compile", pt2["compile"])
        if "export" in pt2:  # what the serialized file is; its content tells that by itself
            return None
        return cls._of_section("pt2", pt2)

    @classmethod
    def _of_section(cls, name: str, section: object) -> "Compilation | None":
        if isinstance(section, bool) or section is None:
            return cls({}) if section else None
        if not isinstance(section, Mapping):
            raise _wrong(f"{name} must be a section of names and values, not {section!r}")
        kinds = {**_ARGUMENTS, "enable": _SWITCH, "fallback": _SWITCH}
        problems = []
        for key, value in section.items():
            kind = kinds.get(key)
            if kind is None:
                close = difflib.get_close_matches(str(key), kinds, n=1)
                meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(kinds)}"
                problems.append(f"{name}.{key} is not a setting; {meant}")
            elif value is not None and not isinstance(value, kind[0]):
                problems.append(f"{name}.{key} must be {kind[1]}, not {value!r}")
        if problems:
            raise _wrong(*problems)
        given = {key: value for key, value in section.items() if value is not None}
        if not given.pop("enable", True):
            return None
        return cls(fallback=given.pop("fallback", False), arguments=given)


def _wrong(*problems: str) -> ConfigError:
    named = tuple(f"model-config.yaml: {problem}" for problem in problems)
    return ConfigError("; ".join(named), problems=named)


def compile_as_configured(module: Any, config: Mapping[str, Any]) -> None:  # noqa: ANN401 - an override may load any function
    """Have *module* compiled at its first call, where *config* asks for it.

    Args:
        module: A loaded model, changed in place; of what is no torch module, nothing is.
        config: `model-config.yaml`.

    Raises:
        ConfigError: The section `pt2` asks for something that there is not.
    """
    compilation = Compilation.wanted(config.get("pt2"))
    if compilation is None:
        return
    target = _compilable(module)
    if target is None:
        _logger.warning(
            "model-config.yaml asks to compile the model (pt2), which has no effect on %s",
            getattr(module, "form", type(module).__name__),
        )
        return
    import torch

    _check_backend(compilation.arguments.get("backend"))
    try:
        compile_it: _Compile = torch.compile(**compilation.arguments)
        compile_it(_nothing)  # which says what is wrong with the arguments
    except (RuntimeError, TypeError, ValueError) as error:
        raise _wrong(f"pt2: torch.compile refuses it: {str(error).strip()}") from error
    target.forward = _Lazily(compile_it, _source_of(target), fallback=compilation.fallback)


def _nothing() -> None:
    """A function to try the arguments of `torch.compile` on."""


def _source_of(module: "nn.Module") -> "Callable[[], _Source]":
    """A function that gives what to compile of *module*, without keeping the module alive."""
    forward = module.forward
    if not (isinstance(forward, MethodType) and forward.__self__ is module):
        return lambda: _Source(forward, ())
    kept = weakref.ref(module)

    def source() -> _Source:
        found = kept()
        assert found is not None, "whoever calls a forward holds its module"  # noqa: S101 - for the type's sake
        # Setting a precision rewrites the code of a graph, so that its class has a new forward.
        return _Source(type(found).forward, (found,))

    return source


def _compilable(module: Any) -> "nn.Module | None":  # noqa: ANN401 - as above
    """The module in *module* that torch can compile; None when it was compiled already."""
    import torch

    from ts_sdk.formats.exported_program import ExportedModel
    from ts_sdk.formats.fixed import FixedModel

    if not isinstance(module, torch.nn.Module) or isinstance(
        module, torch.jit.ScriptModule | FixedModel
    ):
        return None
    return module.graph if isinstance(module, ExportedModel) else module


def _check_backend(backend: str | None) -> None:
    import torch

    if backend is None:
        return
    known: Sequence[str] = torch.compiler.list_backends(exclude_tags=None)
    if backend not in known:
        close = difflib.get_close_matches(backend, known, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise _wrong(
            f"pt2: there is no backend {backend!r}; {meant}installed are {', '.join(known)}"
        )


@dataclass(frozen=True)
class _Source:
    """A function that is compiled, and what it is given before the inputs: the module, or nothing.

    A method is compiled as a function, since its bound form would keep the module alive.
    """

    function: _Forward
    before: tuple[Any, ...]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        return self.function(*self.before, *args, **kwargs)


class _Lazily:
    """A forward that is compiled in its first call, as it is then.

    Args:
        compile_it: `torch.compile` with its arguments.
        source: Gives what is compiled.
        fallback: Whether that runs where compiling fails.
    """

    def __init__(
        self,
        compile_it: _Compile,
        source: Callable[[], _Source],
        *,
        fallback: bool,
    ) -> None:
        self._compile_it = compile_it
        self._source = source
        self._fallback = fallback
        self._compiled: _Forward | None = None
        self._failure: str | None = None
        self._changing = threading.Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        source = self._source()
        if self._failure is None:
            from torch._dynamo.exc import TorchDynamoException

            try:
                return self._compiled_of(source)(*source.before, *args, **kwargs)
            except TorchDynamoException as error:
                # Where the model fails by itself, that error is the better one.
                answer = source(*args, **kwargs)
                self._note(error)
                if not self._fallback:
                    raise self._refusal() from error
                return answer
        if not self._fallback:
            raise self._refusal()
        return source(*args, **kwargs)

    @property
    def uncompiled(self) -> _Forward:
        """What it was made of, for whoever wants to see each layer run."""
        source = self._source()
        return MethodType(source.function, source.before[0]) if source.before else source.function

    def _compiled_of(self, source: _Source) -> _Forward:
        with self._changing:
            if self._compiled is None:
                self._compiled = self._compile_it(source.function)
            return self._compiled

    def _note(self, error: Exception) -> None:
        with self._changing:
            if self._failure is not None:
                return
            self._failure = _first_sentence(str(error))
        if self._fallback:
            _logger.warning("the model cannot be compiled and runs uncompiled: %s", self._failure)

    def _refusal(self) -> ModelFormatError:
        return ModelFormatError(
            f"the model cannot be compiled, as model-config.yaml (pt2) asks: {self._failure}; take "
            f"pt2 out, or write {_FALLBACK} to run it uncompiled then",
            phase="compile model",
        )


def _first_sentence(text: str) -> str:
    """The first line of *text*, and the next one where it ends with a colon."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[: 2 if lines[:1] and lines[0].endswith(":") else 1])

"""What the weights are, whether they are safe, and whether they can be loaded here."""

from collections.abc import Iterator, Sequence

from archiver.inspection.weights_only import is_allowed
from ts_sdk.doctor.distributions import UNAVAILABLE, is_known_package, wish_for
from ts_sdk.doctor.environment import has_module
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.pickle_globals import Global
from ts_sdk.doctor.pickles import ScannedPickle
from ts_sdk.doctor.subject import Subject
from ts_sdk.doctor.transformers_folder import transformers_model_type
from ts_sdk.formats.kinds import Kind, kind_of_form
from ts_sdk.formats.native_library import library_problem
from ts_sdk.formats.refusal import Refusal, refusal_of

_SHOWN = 4
_UNPICKLED = (Kind.STATE_DICT, Kind.EXPORTED_PROGRAM)
_SAVE_WEIGHTS = "save the weights alone, torch.save(model.state_dict(), ...), and pack a model file"
# What picklescan calls dangerous too, and what honest modules and scikit-learn's objects hold.
_ALSO_HONEST = frozenset(
    {
        "_operator.attrgetter",
        "_operator.itemgetter",
        "_operator.methodcaller",
        "builtins.getattr",
        "functools.partial",
        "operator.attrgetter",
        "operator.itemgetter",
        "operator.methodcaller",
        "uuid.UUID",
    }
)


def unsafe_pickles(subject: Subject) -> Iterator[Finding]:
    """Pickles that run something when they are read, wherever they are in the archive."""
    for pickle in subject.pickles:
        dangerous = [each.full for each in pickle.globals if each.is_dangerous]
        surely = [full for full in dangerous if full not in _ALSO_HONEST]
        if surely:
            yield Finding(
                check="unsafe-pickle",
                severity=Severity.BLOCKS,
                member=pickle.member,
                message=f"{_the_pickle(pickle)} imports {_listed(surely)}, so that whoever "
                "unpickles it may run anything",
                fix=f"do not load it unless you know who made it; there, {_SAVE_WEIGHTS}",
            )
        elif dangerous and not _is_unpickled_by_base(subject, pickle):
            yield Finding(
                check="unsafe-pickle",
                severity=Severity.NOTE,
                member=pickle.member,
                message=f"{_the_pickle(pickle)} imports {_listed(dangerous)}: honest ones do, "
                "and it is enough to run anything",
                fix="load it only if you trust whoever made it",
            )


def unread_pickles(subject: Subject) -> Iterator[Finding]:
    """Pickles, and zips that may hold some, that could not be examined."""
    for pickle in subject.pickles:
        if pickle.problem is not None:
            yield Finding(
                check="unread-pickle",
                severity=Severity.NOTE,
                member=pickle.member,
                message=f"{_the_pickle(pickle)} was not examined to its end: {pickle.problem}",
                fix="load it only if you trust whoever made it",
            )


def unknown_form(subject: Subject) -> Iterator[Finding]:
    """A serialized model that is not loaded here, where the handler does not do it itself."""
    name = subject.model.serialized_file
    if name is None or not subject.loads_by_base:
        return
    found = subject.serialized.get(name)
    kind = kind_of_form(found.form) if found else Kind.UNKNOWN
    refusal = refusal_of(kind)
    if found is not None and found.problem:
        refusal = Refusal(f"is damaged: {found.problem}", "copy or download it again")
    elif kind is Kind.SHARED_LIBRARY:
        refusal = _refusal_of_library(subject, name)
    if refusal is not None:
        yield Finding(
            check="weights-form",
            severity=Severity.CHANGE if kind is Kind.ONNX else Severity.BLOCKS,
            member=name,
            message=f"it {refusal.reason}",
            fix=refusal.advice,
        )


def _refusal_of_library(subject: Subject, name: str) -> Refusal | None:
    """Why a compiled library is not loaded here; one that is very large is taken to be good."""
    if subject.archive.member(name).size > subject.limits.max_read_bytes:
        return None
    problem = library_problem(memoryview(subject.archive.read(name)))
    if problem is None:
        return None
    return Refusal(f"is a compiled library, and cannot be loaded: {problem}", "compile it anew")


def full_pickle(subject: Subject) -> Iterator[Finding]:
    """A serialized model that is more than weights, where `BaseHandler` loads it."""
    for pickle in subject.pickles:
        if not _is_unpickled_by_base(subject, pickle) or _is_blocked(pickle):
            continue
        refused = refused_by_weights_only(pickle)
        if refused and not any(_is_of_torchtext(each) for each in refused):
            yield from _full_pickle(subject, pickle, refused)


def _full_pickle(
    subject: Subject, pickle: ScannedPickle, refused: Sequence[Global]
) -> Iterator[Finding]:
    names = _listed([each.full for each in refused])
    message = f"{_the_pickle(pickle)} holds more than weights: {names}"
    lost = _lost(subject, refused)
    if lost:
        yield Finding(
            check="full-pickle",
            severity=Severity.BLOCKS,
            member=pickle.member,
            message=f"{message}; {_why_lost(lost[0])}",
            fix=f"where it was made, {_SAVE_WEIGHTS}",
        )
        return
    first = _what_to_bring(subject, refused)
    yield Finding(
        check="full-pickle",
        severity=Severity.CHANGE,
        member=pickle.member,
        message=f"{message}; reading it runs what is in it, so that it has to be trusted by name",
        fix=f"{first}load with --trust-pickle (trust_pickle=True), or {_SAVE_WEIGHTS}",
    )


def _what_to_bring(subject: Subject, refused: Sequence[Global]) -> str:
    """What has to be there before the classes *refused* can be imported."""
    missing = [each for each in refused if not _is_here(subject, each)]
    tops = sorted({each.module.partition(".")[0] for each in missing})
    packages = [top for top in tops if is_known_package(top)]
    # The name of a forgotten file may be that of somebody's package: it is not for pip.
    own = [each.full for each in missing if each.module.partition(".")[0] not in packages]
    steps = [f"pip install {' '.join(map(wish_for, packages))}"] if packages else []
    if own:
        steps.append(f"add the file that defines {_listed(own)} with --extra-files")
    return "".join(f"{step}, then " for step in steps)


def weights_without_model(subject: Subject) -> Iterator[Finding]:
    """Weights alone, with no model file that defines the module which they belong to."""
    name = subject.model.serialized_file
    if name is None or subject.model.model_file is not None or not subject.loads_by_base:
        return
    if transformers_model_type(subject) is not None:
        return
    found = subject.serialized.get(name)
    if found is None or found.problem or found.form not in {"torch zip", "pickle", "safetensors"}:
        return
    pickles = [each for each in subject.pickles if each.member == name]
    if found.form != "safetensors" and any(
        each.problem or refused_by_weights_only(each) for each in pickles
    ):
        return
    yield Finding(
        check="no-model-file",
        severity=Severity.BLOCKS,
        member=name,
        message="it holds weights only, and the archive names no model file that they belong to",
        fix="pack it with --model-file, the Python file that defines the module",
    )


def no_model_at_all(subject: Subject) -> Iterator[Finding]:
    """An archive of which `BaseHandler` is to load a model, and that names none."""
    model = subject.model
    if model.serialized_file is not None or model.model_file is not None:
        return
    if subject.needs_model and transformers_model_type(subject) is None:
        yield Finding(
            check="no-model",
            severity=Severity.BLOCKS,
            member=subject.handler_member,
            message="BaseHandler's initialize loads the model, and the archive names neither a "
            "serialized file nor a model file",
            fix="pack it with --serialized-file, or override initialize() in the handler",
        )


def torchtext_objects(subject: Subject) -> Iterator[Finding]:
    """Vocabularies of torchtext, which nobody can unpickle without it."""
    if has_module("torchtext"):
        return
    for pickle in subject.pickles:
        found = [each.full for each in pickle.globals if _is_of_torchtext(each)]
        if found:
            yield Finding(
                check="torchtext-object",
                severity=Severity.CHANGE,
                member=pickle.member,
                message=f"{_the_pickle(pickle)} is an object of torchtext ({_listed(found)}): "
                f"{UNAVAILABLE['torchtext']}",
                fix="where torchtext is still installed, replace a vocabulary by what it holds: "
                f"torch.save(dict(vocab.get_stoi()), {pickle.member!r})",
            )


def refused_by_weights_only(pickle: ScannedPickle) -> list[Global]:
    """What a pickle imports that `torch.load` refuses unless it is told to trust it."""
    return [each for each in pickle.globals if not is_allowed(each.full)]


def _is_unpickled_by_base(subject: Subject, pickle: ScannedPickle) -> bool:
    """Whether `BaseHandler` is what reads a pickle; of the other forms it reads none."""
    found = subject.serialized.get(pickle.member)
    is_loaded = subject.loads_by_base and pickle.member == subject.model.serialized_file
    return is_loaded and found is not None and kind_of_form(found.form) in _UNPICKLED


def _is_blocked(pickle: ScannedPickle) -> bool:
    return any(each.is_dangerous and each.full not in _ALSO_HONEST for each in pickle.globals)


def _is_of_torchtext(each: Global) -> bool:
    return each.module.partition(".")[0] == "torchtext"


def _is_here(subject: Subject, each: Global) -> bool:
    top = each.module.partition(".")[0]
    return subject.own.owns(top) or has_module(top)


def _lost(subject: Subject, refused: Sequence[Global]) -> list[Global]:
    """Classes that no package brings: of a script, or of a file that is not in the archive."""
    if subject.mentions_main:
        return []
    return [
        each
        for each in refused
        if each.module == "__main__"
        or (subject.own.owns(each.module) and _is_not_in(subject, each))
    ]


def _is_not_in(subject: Subject, each: Global) -> bool:
    member = subject.own.member_of(each.module)
    source = subject.parsed(member)
    if source is None:
        return member is None
    return each.name.partition(".")[0] not in source.outline.names and not (
        source.outline.may_bind_more
    )


def _why_lost(each: Global) -> str:
    if each.module == "__main__":
        return f"{each.name} was defined in the script that saved it, where nothing can find it"
    return f"{each.full} is not in the archive's {each.module.replace('.', '/')}.py"


def _the_pickle(pickle: ScannedPickle) -> str:
    is_of_torch = pickle.inside.count("/") == 1 and pickle.inside.endswith("/data.pkl")
    if not pickle.inside or is_of_torch:  # what people call the file itself
        return "this pickle"
    return f"the pickle {pickle.inside} in it"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(dict.fromkeys(names[:_SHOWN]))
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown

"""Comparing two archives, without running either unless that is asked for."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS, Archive, Limits
from ts_sdk.comparison.report import Comparison
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    from ts_sdk.rows import Request

__all__ = ["Comparison", "compare"]


def compare(  # noqa: PLR0913 - options given by name
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    context: int = 3,
    most_lines: int = 200,
    run: bool = False,
    samples: Sequence[object] | Mapping[str, object] | None = None,
    rounds: int = 10,
    rtol: float | None = None,
    atol: float | None = None,
    device: str | None = None,
    precision: str | None = None,
    trust_pickle: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Comparison:
    """Say what differs between two archives.

    Nothing of them is run or unpickled, unless *run* asks for it. Members of which both archives
    know the SHA-256 are not read when it is the same, and torch is imported only when files of
    weights differ.

    Args:
        old: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        new: Another one; it may be of another kind, with its weights in another form.
        context: Unchanged lines around each change of a text.
        most_lines: Lines that the diff of one text may have.
        run: Whether to load both, **which runs their code**, and to compare their answers to the
            samples, their latency and their memory. Each runs in a process of its own.
        samples: Requests as `Model.predict` takes them, given to both archives; a mapping gives
            each a name. None takes those that are stored in the archives.
        rounds: How often the samples are answered for the latency; 0 measures none.
        rtol: Relative tolerance of a number in an answer; None takes that of the precision.
        atol: Absolute tolerance of a number in an answer; None takes that of the precision.
        device: As for `load`; both run there.
        precision: As for `load`; both run in it.
        trust_pickle: As for `load`, where *run* asks for it; comparing never unpickles more than
            weights.
        limits: As for `load`.

    Returns:
        What differs.

    Raises:
        archiver.ArchiveError: One of them is damaged, unsafe or no archive.
        RequestError: A sample cannot be read.
        ValueError: *run* asks for answers and there is no sample, or *samples* are given without
            *run*.
    """
    from ts_sdk.comparison.contents import compare_contents

    if samples is not None and not run:
        raise ValueError("samples are answered with run=True only, which runs the archives' code")
    places = from_program(old), from_program(new)
    requests = _requests(samples, *places, limits) if run else {}
    with (
        Archive.open(places[0], limits=limits) as before,
        Archive.open(places[1], limits=limits) as after,
    ):
        found = compare_contents(before, after, context=context, most_lines=most_lines)
    found = replace(
        found,
        old=replace(found.old, path=Path(old)),
        new=replace(found.new, path=Path(new)),
    )
    if not run:
        return found
    from ts_sdk.comparison.trial import Trial, run_both

    trial = Trial(device, precision, trust_pickle, rounds, rtol, atol, limits)
    return replace(found, run=run_both(*places, requests, trial))


def _requests(
    given: Sequence[object] | Mapping[str, object] | None, old: Path, new: Path, limits: Limits
) -> "dict[str, Request]":
    """Name → request of each sample: those that were given, else those in the archives."""
    from ts_sdk.rows import decode

    if given is None:
        given = stored_samples(old, new, limits)
    if not isinstance(given, Mapping):
        given = {_name(position, each): each for position, each in enumerate(given, start=1)}
    if not given:
        raise ValueError("there is no sample to answer: give samples, or pack some with an archive")
    return {name: decode(each) for name, each in given.items()}


def _name(position: int, sample: object) -> str:
    return str(sample) if isinstance(sample, os.PathLike) else f"sample {position}"


def stored_samples(
    old: str | os.PathLike[str], new: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS
) -> "dict[str, Request]":
    """The samples that two archives hold, by name; of two with one name, that of the old one.

    Raises:
        archiver.ArchiveError: One of them is damaged, unsafe or no archive.
        SdkError: A sample cannot be read.
    """
    from ts_sdk.samples import samples_of

    found: dict[str, Request] = {}
    for path in (new, old):
        with Archive.open(from_program(path), limits=limits) as archive:
            found |= {sample.name: sample.request for sample in samples_of(archive)}
    return found

"""How ``mar diff`` prints what differs between two archives."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archiver.sizes import format_size
from ts_sdk.cli.tables import Column, print_table

if TYPE_CHECKING:
    from ts_sdk.comparison import Comparison
    from ts_sdk.comparison.changes import MemberChange, TextDiff, ValueChange
    from ts_sdk.comparison.report import (
        AnswerComparison,
        ComparedArchive,
        Measured,
        RunComparison,
        TensorChange,
        WeightsComparison,
    )

_FORMS = {"mar": ".mar", "tgz": ".tar.gz", "folder": "folder"}
_LONGEST_VALUE = 100
_LEAST_PLAIN_SHARE, _MOST_PLAIN_SHARE = 1e-4, 10.0


def print_comparison(found: "Comparison", most: int) -> None:
    """Print *found*, of each table *most* rows."""
    _print_archive("old", found.old)
    _print_archive("new", found.new)
    _print_verdict(found)
    _print_values("manifest", found.manifest, most)
    _print_members(found, most)
    for pair in found.weights:
        _print_weights(pair, most)
    rows = [[each.package, _asked(each.old), _asked(each.new)] for each in found.requirements]
    _print_rows("requirements", ["package", "old", "new"], rows, most)
    _print_values("config", found.config, most)
    _print_values("labels", found.labels, most, first="class")
    for text in found.texts:
        _print_text(text)
    if found.run is not None:
        _print_answers(found.run, most)
        _print_measured(found.run)


def _print_archive(side: str, archive: "ComparedArchive") -> None:
    version = f" {archive.version}" if archive.version else ""
    assumed = "" if archive.has_manifest else "; no manifest, so its values are assumed"
    facts = f"{_FORMS[archive.form]}, {_files(archive.members)}, {format_size(archive.size_bytes)}"
    print(_printable(f"{side}  {archive.path}: {archive.name}{version} ({facts}{assumed})"))


def _print_verdict(found: "Comparison") -> None:
    print()
    if found.same_contents:
        packed = ", but for when and by what they were packed" if found.manifest else ""
        print(f"identical{packed}")
    if found.run is not None and found.same_contents:
        print()


def _print_members(found: "Comparison", most: int) -> None:
    rows = [_member(change) for change in found.members]
    heading = f"files: {_counts(len(rows), found.unchanged_members)}"
    titles = ["file", "what", "old", "new"]
    _print_rows(heading, titles, rows, most, numbers=2)


def _member(change: "MemberChange") -> list[str]:
    name = change.new or change.old or ""
    if change.old and change.new and change.old != change.new:
        name = f"{change.old} -> {change.new}"
    sizes = (
        "-" if size is None else format_size(size) for size in (change.old_bytes, change.new_bytes)
    )
    return [name, change.kind, *sizes]


def _print_weights(pair: "WeightsComparison", most: int) -> None:
    name = pair.new if pair.old == pair.new else f"{pair.old} -> {pair.new}"
    form = (
        pair.new_form if pair.old_form == pair.new_form else f"{pair.old_form} -> {pair.new_form}"
    )
    prefixes = (("old", pair.old_prefix), ("new", pair.new_prefix))
    said = "".join(f", {side} names without {prefix!r}" for side, prefix in prefixes if prefix)
    heading = _printable(f"tensors of {name} ({form}{said})")
    if pair.problem is not None:
        print(f"{heading}: only the bytes were compared: {_printable(pair.problem)}\n")
        return
    if not pair.tensors:
        print(f"{heading}: all {pair.unchanged:,} are the same, bit for bit\n")
    rows = [_tensor(change) for change in sorted(pair.tensors, key=_gravity)]
    titles = ["tensor", "what", "shape", "dtype", "largest change", "share"]
    heading = f"{heading}: {_counts(len(rows), pair.unchanged)}"
    _print_rows(heading, titles, rows, most, numbers=2)
    _print_values(f"other values in {name}", pair.values, most)
    if pair.parts:
        shown = ", ".join(pair.parts[:most])
        more = f" and {len(pair.parts) - most} more" if len(pair.parts) > most else ""
        print(_printable(f"also changed in {name}: {shown}{more}"))
        print()


def _gravity(change: "TensorChange") -> tuple[bool, float]:
    """Other shapes and names first, then the largest shares."""
    return change.relative is not None, -(change.relative or 0.0)


def _tensor(change: "TensorChange") -> list[str]:
    what = "removed" if change.new is None else "added" if change.old is None else "changed"
    sides = [side for side in (change.old, change.new) if side is not None]
    shapes = dict.fromkeys("x".join(map(str, side.shape)) or "scalar" for side in sides)
    dtypes = dict.fromkeys(side.dtype for side in sides)
    return [
        change.name,
        f"{what}, {change.note}" if change.note else what,
        " -> ".join(shapes),
        " -> ".join(dtypes),
        "-" if change.largest is None else f"{change.largest:.3g}",
        "-" if change.relative is None else _share(change.relative),
    ]


def _share(share: float) -> str:
    is_plain = share == 0 or _LEAST_PLAIN_SHARE <= share < _MOST_PLAIN_SHARE
    return f"{share:.2%}" if is_plain else f"{100 * share:.1e}%"


def _print_text(text: "TextDiff") -> None:
    name = text.new if text.old == text.new else f"{text.old} -> {text.new}"
    if text.note is not None:
        print(_printable(f"{name}: {text.note}"))
        print()
        return
    print(_printable(name))
    for line in text.lines:
        print(_printable(line))
    if text.left_out:
        print(f"... {text.left_out:,} more lines (--lines)")
    print()


def _print_answers(run: "RunComparison", most: int) -> None:
    if not run.answers:
        return
    agreeing = sum(answer.agrees for answer in run.answers)
    print(f"answers: {agreeing} of {len(run.answers)} agree (rtol {run.rtol:g}, atol {run.atol:g})")
    for answer in run.answers:
        for problem in _errors(answer):
            print(_printable(f"  {answer.sample}: {problem}"))
        shown = answer.differences[:most]
        for each in shown:
            change = f"{each.place}: {each.old} -> {each.new}"
            reason = f": {each.reason}" if each.reason else ""
            print(_printable(f"  {answer.sample}: {change}{reason}"))
        if len(answer.differences) > len(shown):
            more = len(answer.differences) - len(shown)
            print(_printable(f"  {answer.sample}: ... {more:,} more differences"))
    print()


def _errors(answer: "AnswerComparison") -> list[str]:
    if answer.agrees:
        return [f"refused by both: {answer.old_error}"] if answer.refused else []
    if answer.old_error == answer.new_error:
        return [] if answer.old_error is None else [f"not answered by either: {answer.old_error}"]
    sides = (("old", answer.old_error), ("new", answer.new_error))
    return [f"not answered by {side}: {error}" for side, error in sides if error is not None]


def _print_measured(run: "RunComparison") -> None:
    for side, measured in (("old", run.old), ("new", run.new)):
        if measured.problem is not None:
            print(_printable(f"{side} cannot be run: {measured.problem}"))
    if run.old.device is None or run.new.device is None:
        return
    columns = [Column("run"), *(Column(title, right=True) for title in ("old", "new", "new/old"))]
    print_table(columns, [row for row in _measured_rows(run) if set(row[1:3]) != {"-"}])


def _measured_rows(run: "RunComparison") -> list[list[str]]:
    old, new = run.old, run.new
    return [
        ["device, precision", _where(old), _where(new), ""],
        ["ms to load", _ms(old.load_ms), _ms(new.load_ms), _ratio(old.load_ms, new.load_ms)],
        ["ms a request (quartiles)", _latency(old), _latency(new), _ratio(1.0, run.times_ratio)],
        _memory("weights", old.weights_bytes, new.weights_bytes),
        _memory("peak memory", old.peak_bytes, new.peak_bytes),
        _memory("peak GPU memory", old.peak_cuda_bytes, new.peak_cuda_bytes),
    ]


def _where(measured: "Measured") -> str:
    return f"{measured.device}, {measured.precision}"


def _latency(measured: "Measured") -> str:
    if measured.request_ms is None or measured.spread_ms is None:
        return "-"
    low, high = measured.spread_ms
    return f"{measured.request_ms:.2f} ({low:.2f}-{high:.2f})"


def _memory(title: str, old: int | None, new: int | None) -> list[str]:
    sizes = ("-" if size is None else format_size(size) for size in (old, new))
    return [title, *sizes, _ratio(old, new)]


def _ms(elapsed: float | None) -> str:
    return "-" if elapsed is None else f"{elapsed:.0f}"


def _ratio(old: float | None, new: float | None) -> str:
    return "-" if not old or new is None else f"{new / old:.2f}"


def _print_values(
    heading: str, changes: "Sequence[ValueChange]", most: int, first: str = "key"
) -> None:
    rows = [[change.place, _value(change.old), _value(change.new)] for change in changes]
    _print_rows(heading, [first, "old", "new"], rows, most)


def _value(value: object) -> str:
    from ts_sdk.testing.closeness import ABSENT

    text = "-" if value is ABSENT else value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _asked(version: str | None) -> str:
    return "-" if version is None else version or "any version"


def _print_rows(
    heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]], most: int, numbers: int = 0
) -> None:
    """Print a table under its heading, if it has rows; the last columns may hold *numbers*."""
    if not rows:
        return
    first_number = len(titles) - numbers
    columns = [Column(title, right=place >= first_number) for place, title in enumerate(titles)]
    print(_printable(heading))
    print_table(columns, [[_printable(cell) for cell in row] for row in rows[:most]])
    if len(rows) > most:
        print(f"... {len(rows) - most:,} more (--most)")
    print()


def _counts(differing: int, unchanged: int) -> str:
    verb = "differs" if differing == 1 else "differ"
    return f"{differing:,} {verb}, {unchanged:,} unchanged"


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _printable(text: str) -> str:
    """*text* with what would steer a terminal written out: archives may hold anything."""
    return "".join(
        character
        if character == "\t" or unicodedata.category(character)[0] != "C"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

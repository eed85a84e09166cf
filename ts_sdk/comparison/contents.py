"""What differs in the contents of two archives, none of which is run."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from archiver import SerializedFile, inspect
from ts_sdk.comparison.changes import changed_values
from ts_sdk.comparison.documents import changed_config, changed_labels, changed_requirements
from ts_sdk.comparison.pairing import Matched, match_members, members_of
from ts_sdk.comparison.report import ComparedArchive, Comparison
from ts_sdk.comparison.texts import diff_texts, looks_like_text, read_small
from ts_sdk.comparison.weights import compare_weights
from ts_sdk.labels import LABELS_FILE

if TYPE_CHECKING:
    from archiver import Archive
    from ts_sdk.comparison.changes import TextDiff
    from ts_sdk.comparison.report import WeightsComparison

_Change = TypeVar("_Change")
_TEXT_SUFFIXES = (".py", ".json", ".txt", ".yaml", ".yml", ".md", ".csv", ".html", ".toml", ".cfg")
"""What cannot hold tensors, so that it is not looked into for them."""


def compare_contents(
    old: "Archive", new: "Archive", *, context: int, most_lines: int
) -> Comparison:
    """Compare everything that the archives hold.

    Args:
        old: The one archive, open.
        new: The other.
        context: Unchanged lines around each change of a text.
        most_lines: Lines that the diff of one text may have.

    Raises:
        archiver.CorruptArchiveError: A member that had to be read is damaged.
    """
    matched = match_members(old, new)
    texts = _Texts(old, new, matched)
    return Comparison(
        old=_facts(old),
        new=_facts(new),
        manifest=changed_values(old.manifest.to_dict(), new.manifest.to_dict()),
        members=matched.changes,
        unchanged_members=matched.unchanged,
        weights=tuple(_compare_weights(old, new, matched)),
        requirements=texts.compare("requirements_file", changed_requirements),
        labels=texts.compare(None, changed_labels),
        config=texts.compare("config_file", changed_config),
        texts=tuple(texts.diffs(context, most_lines)),  # of what those before have not told
    )


def _facts(archive: "Archive") -> ComparedArchive:
    members, model = members_of(archive).values(), archive.manifest.model
    return ComparedArchive(
        path=archive.path,
        form=archive.form,
        name=model.model_name,
        version=model.model_version,
        members=len(members),
        size_bytes=sum(member.size for member in members),
        has_manifest=archive.has_manifest,
    )


class _Texts:
    """The texts that differ, and those that are compared as data."""

    def __init__(self, old: "Archive", new: "Archive", matched: Matched) -> None:
        self._manifests = old.manifest, new.manifest
        self._changed = matched.changed
        self._told: set[tuple[str | None, str | None]] = set()
        documents = [self._documents(part) for part in ("requirements_file", "config_file", None)]
        wanted = [
            members_of(archive).keys() & {pair[side] for pair in (*self._changed, *documents)}
            for side, archive in enumerate((old, new))
        ]
        self._old, self._new = read_small(old, wanted[0]), read_small(new, wanted[1])
        self._too_large = {
            (side, name)
            for side, read in enumerate((self._old, self._new))
            for name in wanted[side] - read.keys()
        }

    def compare(
        self, part: str | None, changes: Callable[[bytes, bytes], tuple[_Change, ...]]
    ) -> tuple[_Change, ...]:
        """What *changes* finds in the documents of a *part* of the manifests, None for the labels.

        What cannot be read as such a document is left to `diffs`.
        """
        old, new = self._documents(part)
        if {(0, old), (1, new)} & self._too_large:
            return ()
        try:
            found = changes(self._old.get(old or "", b""), self._new.get(new or "", b""))
        except ValueError:
            return ()
        if found:
            self._told.add((old, new))
        return found

    def diffs(self, context: int, most_lines: int) -> "Iterator[TextDiff]":
        """The diffs of the other texts."""
        for old, new in self._changed:
            before, after = self._old.get(old), self._new.get(new)
            if before is None or after is None or (old, new) in self._told:
                continue
            if looks_like_text(old, before) and looks_like_text(new, after):
                yield diff_texts(
                    (old, before), (new, after), context=context, most_lines=most_lines
                )

    def _documents(self, part: str | None) -> tuple[str | None, str | None]:
        """The names of a document in both archives."""
        if part is None:
            return LABELS_FILE, LABELS_FILE
        old, new = (getattr(manifest.model, part) for manifest in self._manifests)
        return old, new


def _compare_weights(
    old: "Archive", new: "Archive", matched: Matched
) -> "Iterator[WeightsComparison]":
    removed, added = matched.names("removed"), matched.names("added")
    before = _weights_in(old, [*(name for name, _ in matched.changed), *removed])
    after = _weights_in(new, [*(name for _, name in matched.changed), *added])
    pairs = [pair for pair in matched.changed if pair[0] in before and pair[1] in after]
    gone = [name for name in removed if name in before]
    come = [name for name in added if name in after]
    if len(gone) == len(come) == 1:  # nothing else can be meant
        pairs.append((gone[0], come[0]))
    for one, other in pairs:
        yield compare_weights(old, new, before[one], after[other])


def _weights_in(archive: "Archive", names: Sequence[str]) -> dict[str, SerializedFile]:
    """Those of the members that hold tensors or pickles."""
    wanted = {name for name in names if not name.endswith(_TEXT_SUFFIXES)}
    found = inspect(archive).serialized if wanted else ()
    return {
        each.name: each
        for each in found
        if each.name in wanted and (each.form != "zip" or each.problem)  # a zip of something else
    }

"""Which member of the one archive corresponds to which of the other, and which are the same."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.names import MANIFEST_NAME, RECORD_NAME
from ts_sdk.comparison.changes import Kind, MemberChange

if TYPE_CHECKING:
    from archiver import Archive, Manifest, Member

_OF_THE_ARCHIVE = (MANIFEST_NAME, RECORD_NAME)
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Matched:
    """The members of two archives, matched.

    Attributes:
        changes: Those that differ, by name.
        unchanged: How many are the same, names and bytes.
    """

    changes: tuple[MemberChange, ...]
    unchanged: int

    @property
    def changed(self) -> list[tuple[str, str]]:
        """The pairs whose bytes differ: name in the old archive, name in the new one."""
        return [
            (each.old, each.new)
            for each in self.changes
            if each.kind == "changed" and each.old is not None and each.new is not None
        ]

    def names(self, kind: str) -> list[str]:
        """The members that were ``removed`` or ``added``."""
        wanted = [each for each in self.changes if each.kind == kind]
        return [name for each in wanted if (name := each.old or each.new)]


def members_of(archive: "Archive") -> "dict[str, Member]":
    """The members of *archive* by name, without those that only describe the others."""
    return {each.name: each for each in archive.members if each.name not in _OF_THE_ARCHIVE}


def match_members(old: "Archive", new: "Archive") -> Matched:
    """Match the members of two archives.

    Members of one name belong together, and so do those that the manifests give the same part
    (handler, model file, weights, config, requirements) and that only one of the archives has.
    What RECORD gives a SHA-256 of is not read.

    Raises:
        archiver.CorruptArchiveError: A member that had to be read is damaged.
    """
    before, after = members_of(old), members_of(new)
    partners = {name: name for name in before if name in after}
    partners |= _of_same_part(old.manifest, new.manifest, before, after)
    gone, come = before.keys() - partners.keys(), after.keys() - set(partners.values())
    digests, new_digests = _comparable_digests(old, new, partners, gone, come)
    partners |= _renamed(gone & digests.keys(), come & new_digests.keys(), digests, new_digests)
    equal = {
        one: other
        for one, other in partners.items()
        if one in digests and digests[one] == new_digests.get(other)
    }
    changes = [
        *(_change("removed", before[name], None) for name in before.keys() - partners.keys()),
        *(_change("added", None, after[name]) for name in after.keys() - set(partners.values())),
        *(
            _change("renamed" if one in equal else "changed", before[one], after[other])
            for one, other in partners.items()
            if one not in equal or one != other
        ),
    ]
    changes.sort(key=lambda each: (each.new or each.old or "", each.kind))
    return Matched(tuple(changes), sum(one == other for one, other in equal.items()))


def _of_same_part(
    old: "Manifest", new: "Manifest", before: Iterable[str], after: Iterable[str]
) -> Iterator[tuple[str, str]]:
    names, new_names = set(before), set(after)
    for one, other in zip(_parts(old), _parts(new), strict=True):
        if one in names - new_names and other in new_names - names:
            yield one, other


def _parts(manifest: "Manifest") -> list[str]:
    """The names of the handler's file, the weights and so on; empty for what there is not."""
    model = manifest.model
    handler = (model.handler or "").partition(":")[0]
    named = (model.model_file, model.serialized_file, model.config_file, model.requirements_file)
    return [handler and f"{handler.removesuffix('.py')}.py", *(name or "" for name in named)]


def _comparable_digests(
    old: "Archive",
    new: "Archive",
    partners: Mapping[str, str],
    gone: Collection[str],
    come: Collection[str],
) -> tuple[dict[str, str], dict[str, str]]:
    """The SHA-256 of those members of either archive that may be the same as one of the other."""
    before, after = members_of(old), members_of(new)
    pairs = {one: other for one, other in partners.items() if before[one].size == after[other].size}
    sizes = {before[name].size for name in gone} & {after[name].size for name in come}
    return (
        _digests(old, {*pairs, *(name for name in gone if before[name].size in sizes)}),
        _digests(new, {*pairs.values(), *(name for name in come if after[name].size in sizes)}),
    )


def _digests(archive: "Archive", names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of members: from RECORD where it has one, else of what is read."""
    known = {name: archive.member(name).sha256 for name in names}
    found = {name: sha256 for name, sha256 in known.items() if sha256 is not None}
    unknown = known.keys() - found.keys()
    for member, stream in archive.stream(unknown) if unknown else ():
        digest = hashlib.sha256()
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
        found[member.name] = digest.hexdigest()
    return found


def _renamed(
    gone: Iterable[str],
    come: Iterable[str],
    digests: Mapping[str, str],
    new_digests: Mapping[str, str],
) -> dict[str, str]:
    """Members that are only in the old archive → those only in the new one with the same bytes."""
    names: dict[str, list[str]] = {}
    for name in sorted(come, reverse=True):
        names.setdefault(new_digests[name], []).append(name)
    return {name: names[digests[name]].pop() for name in sorted(gone) if names.get(digests[name])}


def _change(kind: Kind, old: "Member | None", new: "Member | None") -> MemberChange:
    return MemberChange(
        kind,
        old.name if old else None,
        new.name if new else None,
        old.size if old else None,
        new.size if new else None,
    )

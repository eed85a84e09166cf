"""What tells a model from others: a digest of the files that it is made of."""

import hashlib
from collections.abc import Iterator

from archiver import Archive


def model_digest(archive: Archive) -> str | None:
    """The SHA-256 of an archive's model and handler, whatever else is in the archive.

    It is made of the digests of the serialized file, the model file and the handler's file, as
    RECORD tells them, so that a large model need not be read. Without RECORD, or in a folder,
    whose files may be newer than it, they are read.

    Returns:
        The digest in hexadecimal; None where the archive has none of these files.
    """
    recorded = {} if archive.form == "folder" else {e.name: e.sha256 for e in archive.record or ()}
    digest = hashlib.sha256()
    names = list(_names_in(archive))
    for name in names:
        sha256 = recorded.get(name) or _sha256_of(archive, name)
        digest.update(bytes.fromhex(sha256))
    return digest.hexdigest() if names else None


def _names_in(archive: Archive) -> Iterator[str]:
    model = archive.manifest.model
    handler = (model.handler or "").partition(":")[0]
    there = {member.name for member in archive.members}
    for named in (model.serialized_file, model.model_file, handler):
        found = [name for name in (named, f"{named}.py") if name in there] if named else []
        yield from found[:1]


def _sha256_of(archive: Archive, name: str) -> str:
    with archive.open_member(name) as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()

"""Write and read model archives.

Importing this package loads none of its modules; the first name that is used does.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.errors import (
        ArchiveError,
        CorruptArchiveError,
        InvalidArchiveError,
        LimitExceededError,
        ManifestError,
        PackError,
        SourceChangedError,
        TargetExistsError,
        UnknownMemberError,
        UnsafeArchiveError,
    )
    from archiver.inspection import (
        InspectedHandler,
        InspectedMember,
        Inspection,
        SerializedFile,
        inspect,
    )
    from archiver.limits import DEFAULT_LIMITS, Limits
    from archiver.manifest import Manifest, ModelEntry
    from archiver.member import Member
    from archiver.packed import PackedMember, PackResult
    from archiver.plan import PackPlan, PlannedMember
    from archiver.reader import Archive
    from archiver.record import RecordEntry
    from archiver.tuned_profiles import TunedProfile
    from archiver.verification import Verification
    from archiver.writer import pack, plan_pack

__all__ = [
    "DEFAULT_LIMITS",
    "Archive",
    "ArchiveError",
    "CorruptArchiveError",
    "InspectedHandler",
    "InspectedMember",
    "Inspection",
    "InvalidArchiveError",
    "LimitExceededError",
    "Limits",
    "Manifest",
    "ManifestError",
    "Member",
    "ModelEntry",
    "PackError",
    "PackPlan",
    "PackResult",
    "PackedMember",
    "PlannedMember",
    "RecordEntry",
    "SerializedFile",
    "SourceChangedError",
    "TargetExistsError",
    "TunedProfile",
    "UnknownMemberError",
    "UnsafeArchiveError",
    "Verification",
    "inspect",
    "pack",
    "plan_pack",
]

_HOMES = {
    "DEFAULT_LIMITS": "limits",
    "Archive": "reader",
    "InspectedHandler": "inspection",
    "InspectedMember": "inspection",
    "Inspection": "inspection",
    "Limits": "limits",
    "Manifest": "manifest",
    "Member": "member",
    "ModelEntry": "manifest",
    "PackPlan": "plan",
    "PackResult": "packed",
    "PackedMember": "packed",
    "PlannedMember": "plan",
    "RecordEntry": "record",
    "SerializedFile": "inspection",
    "TunedProfile": "tuned_profiles",
    "Verification": "verification",
    "inspect": "inspection",
    "pack": "writer",
    "plan_pack": "writer",
}
"""Where a name is defined; names that are not here are errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

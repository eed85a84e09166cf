"""The archive that a report recommends, with its setting inside."""

import shutil
import tempfile
from pathlib import Path

from archiver.rewriting import put_into_archive
from archiver.tuned_profiles import parse_profile
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.report.settings import profile_text


def pack_report(report: TuningReport, target: Path) -> Path:
    """Write that archive; see `TuningReport.pack`."""
    if report.best is None:
        raise TuningError("nothing could be measured, so there is no setting to pack")
    check_packable(report.archive, target)
    profile = profile_text(report, report.best).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as folder:
        draft = Path(folder, target.name)
        shutil.copyfile(report.archive, draft)
        put_into_archive(draft, {parse_profile(profile).member_name: profile})
        draft.replace(target)
    return target


def check_packable(archive: Path, target: Path) -> None:
    """Refuse what would lose a file, or cannot be packed.

    Raises:
        TuningError: As `TuningReport.pack` says.
    """
    if target.exists():
        raise TuningError(f"{target} exists: name a new file")
    if archive.is_dir():
        raise TuningError(f"{archive} is a folder of sources: pack it with mar-pack --profile")

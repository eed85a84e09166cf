"""Whether archives that were made for TorchServe run here, and what they need if they do not.

Nothing of an archive is run or unpickled: code is parsed, weights are told by their bytes, and the
packages of this Python are looked up without being imported.
"""

from ts_sdk.doctor.examination import examine
from ts_sdk.doctor.findings import Finding, Report, Severity, Verdict
from ts_sdk.doctor.store import archives_in, examine_store, is_store

__all__ = [
    "Finding",
    "Report",
    "Severity",
    "Verdict",
    "archives_in",
    "examine",
    "examine_store",
    "is_store",
]

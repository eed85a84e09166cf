"""What is inside an archive, found out without running or unpickling any of it."""

from __future__ import annotations

from archiver.inspection.facts import InspectedHandler, InspectedMember, Inspection
from archiver.inspection.inspector import inspect
from archiver.inspection.serialized_file import SerializedFile

__all__ = ["InspectedHandler", "InspectedMember", "Inspection", "SerializedFile", "inspect"]

"""JUnit XML, which continuous integration shows as a table of tests.

The format is the one that the Ant task `junitreport` reads, as far as pytest writes it too.
"""

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ts_sdk.samples import GoldenResult
    from ts_sdk.testing import CheckReport, CheckResult

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, report: "CheckReport", goldens: "Sequence[GoldenResult]") -> None:
    """Write what became of an archive.

    Args:
        path: The file; replaced when it is there.
        report: What became of the promises, each a test case of class ``NAME.promise``.
        goldens: What became of the golden answers, each a test case of class ``NAME.golden``.

    Raises:
        OSError: It cannot be written.
    """
    compared = [each for each in goldens if each.golden is not None]
    failed = len(report.failures) + sum(not each.passed for each in compared)
    skipped = report.count("skipped") + report.count("expected")
    suite = Element(
        "testsuite",
        name=_text(report.name),
        tests=str(len(report.results) + len(compared)),
        failures=str(failed),
        skipped=str(skipped),
        errors="0",
        time=f"{sum(each.elapsed_ms for each in report.results) / 1e3:.3f}",
    )
    archive = _text(Path(report.name).stem)  # a dot would begin another level of names
    for result in report.results:
        _add_promise(suite, archive, result)
    for golden in compared:
        kind = f"{archive}.golden"
        case = SubElement(suite, "testcase", classname=kind, name=_text(golden.sample))
        if not golden.passed:
            SubElement(case, "failure", message="the answer differs").text = _text(str(golden))
    suites = Element("testsuites")
    suites.append(suite)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        draft.write_bytes(tostring(suites, encoding="utf-8", xml_declaration=True))
        os.replace(draft, path)  # noqa: PTH105 - as elsewhere
    finally:
        draft.unlink(missing_ok=True)


def _add_promise(suite: Element, archive: str, result: "CheckResult") -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=f"{archive}.promise",
        name=result.check.name,
        time=f"{result.elapsed_ms / 1e3:.3f}",
    )
    first, *_ = result.message.splitlines() or [""]
    if result.failed:
        SubElement(case, "failure", message=_text(first)).text = _text(result.message)
    elif result.verdict in {"skipped", "expected"}:
        SubElement(case, "skipped", message=_text(first))


def _text(text: str) -> str:
    """*text* without what XML cannot hold."""
    return _NOT_IN_XML.sub("�", text)

"""The reference page names what there is."""

import re
from pathlib import Path

from ts_sdk.torchserve import MODULES

PAGE = Path(__file__).parents[3] / "docs/reference/torchserve-names.md"


def modules_on_the_page():
    """The full names in the first column of the table; ``.x`` is in the package before it."""
    found = set()
    for line in PAGE.read_text().splitlines():
        names = re.findall(r"`([\w.]+)`", line.split("|")[1]) if line.startswith("| `ts") else []
        package = ""
        for name in names:
            found.add(f"{package}{name}" if name.startswith(".") else name)
            package = package if name.startswith(".") else name
    return found


def test_it_names_each_module_and_no_other():
    assert modules_on_the_page() == set(MODULES)

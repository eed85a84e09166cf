"""Run the corpus under the original, and record what it makes of it.

``python -m tests.torchserve.record`` installs the original into ``build/peer`` when it is not
there, and writes ``tests/support/torchserve_corpus/recorded.json``.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from torchserve_corpus import all_cases, recorded

from tests.torchserve.running import run_original

if __name__ == "__main__":
    cases = all_cases()
    with tempfile.TemporaryDirectory() as folder:
        recorded.write(cases, run_original(cases, Path(folder)))
    print(f"recorded {len(cases)} cases in {recorded.FILE}")

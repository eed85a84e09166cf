"""Promises about importing a handler."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

_SECONDS = 300
_SHOWN = 3


@check(needs_requests=False)
def check_importing_has_no_side_effects(case: HandlerCase) -> None:
    """Importing the handler's module starts nothing, writes nothing and changes no setting.

    Move it into initialize(): threads, files, torch.set_default_dtype() and its like, environment
    variables, logging.basicConfig(), random seeds.
    """
    with case.source.code() as code:
        found = _changes_of(_target(case.source.handler, code))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise PromiseBroken(f"importing it {'; '.join(found[:_SHOWN])}{more}")


def _target(handler: object, code: Path | None) -> dict[str, Any]:
    """What a process of its own is to import."""
    if code is not None:
        return {"archive": str(code.resolve())}
    module = sys.modules.get(getattr(handler, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None or module.__name__ == "__main__":
        raise CheckSkipped("the handler's class is in no file that could be imported by itself")
    return {"module": module.__name__, "file": file, "path": sys.path}


def _changes_of(target: dict[str, Any]) -> list[str]:
    """What importing it changes, in a new process, which has imported torch before."""
    command = [sys.executable, "-m", "ts_sdk.testing.watching.importing", json.dumps(target)]
    ran = subprocess.run(  # noqa: S603 - this interpreter, a module of this package
        command, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if ran.returncode != 0:
        last = ran.stderr.strip().splitlines()[-1:] or ["no message"]
        raise PromiseBroken(f"in a process of its own it cannot be imported: {last[0]}")
    found: list[str] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found

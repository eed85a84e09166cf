"""What importing a handler's module changes, as a process of its own tells."""

import json
import subprocess
import sys

import pytest

from ts_sdk.testing.watching.importing import _imported_by

pytest.importorskip("cv2")

HANDLE = "\ndef handle(data, context):\n    return data\n"


@pytest.fixture
def changes_of(tmp_path):
    """Import a module, of a program or in an archive; gives the phrases of what that changed."""

    def changes_of(text, *, form, **others):
        folder = tmp_path / form
        folder.mkdir()
        (folder / "handler.py").write_text(text + HANDLE)
        for name, other in others.items():
            (folder / f"{name}.py").write_text(other)
        target = {"archive": str(folder)}
        if form == "module":
            path = [str(folder), *sys.path]
            target = {"module": "handler", "file": str(folder / "handler.py"), "path": path}
        command = [sys.executable, "-m", "ts_sdk.testing.watching.importing", json.dumps(target)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return changes_of


@pytest.mark.parametrize("form", ["archive", "module"])
def test_what_installed_packages_do_when_they_are_imported_is_not_the_handler_s_fault(
    changes_of, form
):
    """OpenCV's package sets an environment variable, for one."""
    program = "import os, cv2; print('LD_LIBRARY_PATH' in os.environ)"
    environment = {"PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert changes_of("import cv2", form=form) == [], ran.stdout


@pytest.mark.parametrize("form", ["archive", "module"])
def test_what_the_handler_and_its_own_modules_do_is_told(changes_of, form):
    found = changes_of(
        "import cv2, mine\nimport os\nos.environ['HANDLER_LOADED'] = '1'\nprint('hello')",
        form=form,
        mine="import random\nrandom.seed(7)\nopen('mine.log', 'w').close()\n",
    )
    assert found[:2] == [
        "draws from or seeds random",
        "sets the environment variable HANDLER_LOADED",
    ]
    assert found[2].startswith("writes ")
    assert found[2].endswith("mine.log")
    assert len(found) == 3


def test_modules_are_found_wherever_they_are_imported_at_once(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(
        "import a.b, c as d\n"
        "from e.f import g\n"
        "from . import h\n"
        "try:\n    import i\nexcept ImportError:\n    import j\n"
        "class K:\n    import l\n"
        "def m():\n    import n\n"
    )
    assert sorted(_imported_by(file)) == ["a.b", "c", "e.f", "i", "j", "l"]
    file.write_text("import a; def")
    assert list(_imported_by(file)) == []

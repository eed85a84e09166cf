"""What torch-model-archiver 0.12 packs, in each of its formats, runs here."""

import subprocess
import sys
from pathlib import Path

import pytest
from torchserve_corpus import Case, all_cases, ours, recorded, unmet

from tests.benchmarks import peer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = {case.name: case for case in all_cases()}
RECORDED = recorded.read()
PACKED = (
    "shapes: a subclass",
    "shapes: a function named handler:entry",
    "places: modules of its own",
    "models: eager",
    "labels: pairs",
    "image_classifier: numbers",
    "context: what it tells",
)
FORMATS = {"default": ".mar", "zip-store": ".mar", "tgz": ".tar.gz", "no-archive": ""}
_PACKER = "from model_archiver.model_packaging import generate_model_archive as pack; pack()"
_FLAGS = {"modelFile": "--model-file", "serializedFile": "--serialized-file"}


@pytest.mark.parametrize("archive_format", FORMATS)
@pytest.mark.parametrize("name", PACKED)
def test_an_archive_of_torch_model_archiver_runs_here(name, archive_format, tmp_path):
    case = CASES[name]
    _, theirs = RECORDED[name]
    archive = _packed(case.write(tmp_path / "sources"), case, archive_format)
    assert unmet(case, theirs, ours.run(case, archive)) == []


def test_a_handler_in_a_folder_and_extra_folders_are_found(tmp_path):
    sources = tmp_path / "sources"
    for path, content in {
        "code/handler.py": "from words.of import mine\nimport top\n\n\n"
        "def handle(data, context):\n"
        "    return None if data is None else [mine.WORD + top.WORD for _ in data]\n",
        "more/words/__init__.py": "",
        "more/words/of/__init__.py": "",
        "more/words/of/mine.py": "WORD = 'nested'\n",
        "more/top.py": "WORD = ' folders'\n",
    }.items():
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        (sources / path).write_text(content)
    case = CASES["shapes: a module's handle"]
    _pack(sources, "--handler", "code/handler.py", "--extra-files", "more")

    found = ours.run(case, sources / "corpus.mar")

    assert {reply.body for batch in found.replies for reply in batch} == {b"nested folders"}


def _packed(sources: Path, case: Case, archive_format: str) -> Path:
    """Pack what `Case.write` wrote, as a user of torch-model-archiver would."""
    arguments = ["--archive-format", archive_format, "--handler", case.handler]
    for key, flag in _FLAGS.items():
        if key in case.model:
            arguments += [flag, case.model[key]]
    if case.config is not None:
        arguments += ["--config-file", "model-config.yaml"]
    code = case.handler.partition(":")[0].removesuffix(".py") + ".py"
    named = {code, *case.model.values(), "model-config.yaml", "MAR-INF"}
    extra = sources / "extra"
    for path in [path for path in sources.iterdir() if path.name not in named]:
        extra.mkdir(exist_ok=True)
        path.rename(extra / path.name)
    if extra.exists():
        arguments += ["--extra-files", "extra"]
    _pack(sources, *arguments)
    return sources / f"corpus{FORMATS[archive_format]}"


def _pack(sources: Path, *arguments: str) -> None:
    command = [sys.executable, "-c", _PACKER, "--model-name", "corpus", "--version", "1.0"]
    environment = peer.environment() | {"TMPDIR": str(sources.parent)}  # where it deletes "corpus"
    subprocess.run([*command, *arguments], cwd=sources, env=environment, check=True)

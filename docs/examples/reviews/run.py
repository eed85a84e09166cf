"""Train the review reader, pack it, load the archive and read four reviews: ``python run.py``.

The folder that may be given as an argument keeps what was packed, and the archive.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from training import LABELS, Trained, train

import archiver
import ts_sdk

HERE = Path(__file__).parent
REVIEWS = (
    "A warm, funny and beautifully acted film that stays with you.",
    "Dull, predictable and far too long.",
    "There is not a single fresh idea in this lazy, tedious mess.",
    "An <i>enthralling</i> drama; it's one of the year's best!",
)


def main(folder: Path) -> None:
    """Train, pack, load and predict."""
    trained = train()
    print(f"right about {trained.accuracy:.0%} of the reviews of films that it has not seen")
    print(f"({trained.accuracy_of_guessing:.0%} would be right by always saying the same)\n")
    with ts_sdk.load(pack(trained, folder)) as model:
        for review, answer in zip(REVIEWS, model.predict_batch(REVIEWS), strict=True):
            label = max(answer, key=answer.get)
            print(f"{label:<6} {answer[label]:.2f}  {review}")


def pack(trained: Trained, folder: Path) -> Path:
    """Pack the network for the handler `text_classifier`, which comes with ts-sdk."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(trained.network.state_dict(), folder / "weights.pt")
    torch.save(trained.vocabulary, folder / "source_vocab.pt")
    (folder / "index_to_name.json").write_text(json.dumps(dict(enumerate(LABELS))))
    packed = archiver.pack(
        model_name="reviews",
        version="1.0",
        handler="text_classifier",
        model_file=HERE / "model.py",
        serialized_file=folder / "weights.pt",
        extra_files=[folder / "source_vocab.pt", folder / "index_to_name.json"],
        export_path=folder,
        force=True,
    )
    return packed.path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as scratch:
            main(Path(scratch))

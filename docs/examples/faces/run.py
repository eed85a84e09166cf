"""Pack MTCNN and find the faces in a picture: ``python run.py FOLDER``."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file

import archiver
import ts_sdk

HERE = Path(__file__).parent
NETWORKS = ("pnet", "rnet", "onet")
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "camera.png")
HEIGHT_PX = 256


def main(folder: Path) -> None:
    """Pack, and use the archive."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights(), folder / "mtcnn.safetensors")
    packed = archiver.pack(
        model_name="faces",
        version="1.0",
        handler=HERE / "handler.py",
        model_file=HERE / "model.py",
        serialized_file=folder / "mtcnn.safetensors",
        export_path=folder,
        force=True,
    )
    side_by_side().save(folder / "photographs.png")
    with ts_sdk.load(packed.path) as model:
        for name in PHOTOGRAPHS:
            faces = model.predict(package_file("skimage", f"data/{name}"))
            print(name, [[round(side) for side in face["box"]] for face in faces])
        answer = model.predict(folder / "photographs.png")
        model.draw(answer, folder / "photographs.png").save(folder / "drawn.png")


def weights() -> dict[str, torch.Tensor]:
    """Return the weights of the three networks, under the names that `model.py` has for them."""
    return {
        f"{network}.{name}": weight.contiguous()
        for network in NETWORKS
        for name, weight in torch.load(
            package_file("facenet_pytorch", f"data/{network}.pt"), weights_only=True
        ).items()
    }


def side_by_side() -> Image.Image:
    """Return a picture of all of the photographs."""
    photographs = []
    for name in PHOTOGRAPHS:
        photograph = Image.open(package_file("skimage", f"data/{name}")).convert("RGB")
        width = round(photograph.width * HEIGHT_PX / photograph.height)
        photographs.append(photograph.resize((width, HEIGHT_PX)))
    sheet = Image.new("RGB", (sum(each.width for each in photographs), HEIGHT_PX))
    left = 0
    for photograph in photographs:
        sheet.paste(photograph, (left, 0))
        left += photograph.width
    return sheet


def package_file(package: str, name: str) -> Path:
    """Return the path of a file in an installed package, which is not imported."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(found.submodule_search_locations[0], name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

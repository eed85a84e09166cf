"""A trained network on a photograph: what it says of a cat lies on the cat."""

import io
from dataclasses import replace

import numpy as np
import pytest
import skimage
from PIL import Image

import ts_sdk

CAT = (0, 0, 112, 112)
"""Left, top, right and bottom of the cat in what the model sees, a quarter of it."""


def collage():
    """Chelsea's face in the upper left quarter; in the others bricks, gravel and grass."""
    data = skimage.data_dir
    cat = Image.open(f"{data}/chelsea.png").convert("RGB").crop((75, 0, 375, 300))
    sheet = Image.new("RGB", (512, 512))
    sheet.paste(cat.resize((256, 256)), (0, 0))
    for name, place in {"brick": (256, 0), "gravel": (0, 256), "grass": (256, 256)}.items():
        ground = Image.open(f"{data}/{name}.png").convert("RGB")
        sheet.paste(ground.resize((256, 256)), place)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "times"), [("grad_cam", 2), ("integrated_gradients", 2), ("occlusion", 1.5)]
)
def test_what_speaks_for_a_cat_lies_on_the_cat(demo, method, times):
    with ts_sdk.load(demo.folder / "cat.mar", device="cpu") as model:
        model.handler.preset = replace(model.handler.preset, resize_px=224)
        found = model.explain(collage(), target="Egyptian cat", method=method, steps=30)
    speaking = np.clip(found.map, 0, None)
    left, top, right, bottom = CAT
    share = speaking[top:bottom, left:right].sum() / speaking.sum()
    assert share > times * 0.25  # which is its share of the area

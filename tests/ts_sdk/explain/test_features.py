"""What is covered together: superpixels, squares, or parts of one's own."""

import io

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from skimage.measure import label as connected
from skimage.segmentation import find_boundaries, slic

from ts_sdk import ExplanationError
from ts_sdk.explain.superpixels import superpixels

COVERING = ["feature_ablation", "shapley_sampling", "kernel_shap"]
MEAN_COLOUR = """
from torch import nn


class MeanColour(nn.Module):
    def forward(self, pictures):
        return pictures.mean((2, 3))
"""
CONFIG = "handler: {mean: [0, 0, 0], std: [1, 1, 1], resize: 32, crop: 32}"


def disc(side=96):
    """A bright disc on a dark ground, both with noise, and which pixels are in it."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - side / 2) ** 2 + (columns - side * 0.4) ** 2 < (side * 0.3) ** 2
    noise = np.random.default_rng(0).normal(0, 0.04, (3, side, side))
    return torch.from_numpy(np.where(inside, 0.8, 0.2) + noise), inside


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def cat():
    with Image.open(f"{skimage.data_dir}/chelsea.png") as image:
        return np.array(image.convert("RGB").crop((75, 0, 375, 300)).resize((160, 160)))


def spill(labels, inside):
    """The share of pixels that are not on the side of the edge where most of their part is."""
    sizes = np.bincount(labels.ravel())
    in_disc = np.bincount(labels.ravel(), weights=inside.ravel())
    return np.minimum(in_disc, sizes - in_disc).sum() / labels.size


def test_superpixels_end_where_the_colours_do():
    picture, inside = disc()
    labels = superpixels(picture, 8).numpy()
    rows, columns = np.mgrid[:96, :96] // 12
    assert spill(labels, inside) < spill(rows * 8 + columns, inside) / 5


def test_superpixels_are_connected_and_about_as_many_as_asked_for():
    picture = torch.from_numpy(cat()).permute(2, 0, 1).float()
    labels = superpixels(picture, 10).numpy()
    count = labels.max() + 1
    assert 70 <= count <= 140
    assert np.unique(labels).tolist() == list(range(count))
    assert connected(labels + 1, connectivity=1).max() == count
    assert np.bincount(labels.ravel()).min() >= 160 * 160 / 100 / 8
    assert torch.equal(superpixels(picture, 10), torch.from_numpy(labels))


def test_superpixels_follow_a_photograph_as_those_of_scikit_image_do():
    photograph = cat() / 255
    ours = superpixels(torch.from_numpy(photograph).permute(2, 0, 1), 10).numpy()
    theirs = slic(photograph, ours.max() + 1, start_label=0)

    def unexplained(labels):  # the variance of colour that is left within the parts
        sizes = np.bincount(labels.ravel())
        left = 0.0
        for channel in photograph.reshape(-1, 3).T:
            means = np.bincount(labels.ravel(), weights=channel) / sizes
            left += ((channel - means[labels.ravel()]) ** 2).mean()
        return left

    assert unexplained(ours) < 1.1 * unexplained(theirs)
    assert find_boundaries(ours).mean() < 1.1 * find_boundaries(theirs).mean()


@pytest.mark.parametrize("shape", [(3, 224, 224), (1, 700, 900)])
def test_noise_is_divided_too_and_a_large_picture_in_a_smaller_one(shape):
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    labels = superpixels(noise, 10)
    assert labels.shape == shape[1:]
    assert 50 <= len(labels.unique()) <= 140


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 7), (4, 30, 9), (1, 1, 40)])
def test_pictures_of_any_shape_have_superpixels(shape):
    labels = superpixels(torch.rand(shape, generator=torch.Generator().manual_seed(0)), 10)
    assert labels.shape == shape[1:]
    assert labels.min() == 0
    assert superpixels(torch.zeros(shape), 10).shape == shape[1:]


@pytest.fixture
def colours(load_folder):
    files = {"model.py": MEAN_COLOUR}
    return load_folder(files, handler="image_classifier", model_file="model.py", config=CONFIG)


def halves():
    """Red above a line that is no multiple of a square's side, blue below it."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:13, :, 0] = 255
    picture[13:, :, 2] = 255
    return picture


@pytest.mark.parametrize("method", COVERING)
def test_attributions_are_the_same_all_over_a_superpixel(colours, method):
    found = colours.explain(png(halves()), target=0, method=method, cells=8, samples=200)
    parts = superpixels(torch.from_numpy(halves()).permute(2, 0, 1).float() / 255, 8)
    if method != "feature_ablation":
        parts = superpixels(torch.from_numpy(halves()).permute(2, 0, 1).float() / 255, 4)
    for number in range(int(parts.max()) + 1):
        of_part = found.attributions[:, parts == number]
        assert np.ptp(of_part) <= 1e-6
        assert (of_part[0, 0] > 1e-5) == bool((parts[:13] == number).any())
    in_squares = colours.explain(
        png(halves()), target=0, method=method, features="grid", cells=8, samples=200
    )
    assert abs(found.map[13:]).max() < 1e-4 < abs(in_squares.map[13:]).max()


@pytest.mark.parametrize("method", COVERING)
def test_parts_of_ones_own_are_in_pixels_of_the_picture_that_was_sent(colours, method):
    picture = np.full((64, 96, 3), 255, np.uint8)  # resized by half, and 8 columns cut on each side
    parts = np.zeros((64, 96), int)
    parts[:, 48:] = 7
    parts[:, :16] = 9  # which the model does not see
    found = colours.explain(png(picture), target=0, method=method, features=parts, samples=20)
    share = 0.5 if method == "feature_ablation" else 0.5 / (32 * 16 * 3)
    assert found.attributions == pytest.approx(np.full((3, 32, 32), share), rel=1e-3)


def test_parts_of_other_inputs_have_their_shape(load_folder):
    code = "from torch import nn\nclass Sum(nn.Module):\n    def forward(self, x): return x.sum(1)"
    model = load_folder({"model.py": code}, handler=None, model_file="model.py")
    found = model.explain([1.0, 2.0, 3.0], method="feature_ablation", features=[5, 5, 2])
    assert found.attributions.tolist() == pytest.approx([3, 3, 3])
    with pytest.raises(ExplanationError, match=r"features of shape \(2,\) do not fit .* \(3,\)"):
        model.explain([1.0, 2.0, 3.0], method="feature_ablation", features=[5, 5])


@pytest.mark.parametrize(
    ("features", "why"),
    [
        ("squares", "features are 'superpixels' or 'grid', or an array .* not 'squares'"),
        (np.zeros((4, 4)), "an array of 4 x 4 pixels does not fit the picture of 32 x 32"),
        (np.zeros(4), r"features of a picture are an array \(height, width\)"),
    ],
)
def test_features_that_are_none_are_refused(colours, features, why):
    with pytest.raises(ExplanationError, match=why):
        colours.explain(png(halves()), method="feature_ablation", features=features)

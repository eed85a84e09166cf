"""`VisionHandler`: from pictures in requests to a batch; what the vision handlers share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from PIL import Image

from default_handlers.colours import as_rgb
from default_handlers.decoding import MAX_PIXELS, as_picture, decode, decode_as_stored
from default_handlers.inputs import input_of
from default_handlers.presets import IMAGENET, INTERPOLATIONS, ImagePreset, Preset, stacked
from default_handlers.settings import Settings
from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.handler import BaseHandler, Row
from ts_sdk.timing import timed

if TYPE_CHECKING:
    from ts_sdk.context import Context

_PRESET_SETTINGS = ("resize", "crop", "mean", "std", "interpolation", "fast_decode")
_PICTURE_DIMENSIONS = 3
_SIMPLE_MODES = frozenset({"1", "L", "RGB", "I", "F"})


class _Prepared(NamedTuple):
    """One request's share of the batch: a crop that is still to be normalised, or a tensor."""

    tensor: torch.Tensor
    is_crop: bool


class VisionHandler(BaseHandler):
    """Decodes the pictures of a batch and prepares them as `preset` says.

    A row holds a picture's bytes, the same as base64 text, or nested lists, which are taken for a
    tensor that needs no preparation. A request that holds none of these is rejected alone.

    Override `postprocess` for what the model answers; `preset`, or `image_processing`, for how
    pictures are prepared. The settings ``resize``, ``crop``, ``mean``, ``std``, ``interpolation``,
    ``fast_decode`` and ``max_pixels`` in section ``handler`` of `model-config.yaml` do the latter
    without code.

    Attributes:
        preset: How pictures are resized, cropped and normalised.
        fast_decode: Whether JPEGs are decoded at the scale that is needed: faster, and not quite
            the same pixels.
        max_pixels: Most pixels that a picture may have, None for any number.
        takes_pictures_only: Whether a tensor must have the dimensions of a picture, ``(C, H, W)``.
    """

    takes_pictures_only: ClassVar[bool] = False

    preset: Preset = IMAGENET
    fast_decode: bool = False
    max_pixels: int | None = MAX_PIXELS

    def initialize(self, context: "Context") -> None:
        """Load the model, the class names and the settings.

        Raises:
            LoadError: The model cannot be loaded, or a setting is wrong.
        """
        super().initialize(context)
        settings = Settings(self.settings, beside=self.model_yaml_config)
        self.read_settings(settings)
        settings.check()

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say; subclasses read theirs after these."""
        preset = self.preset
        given = settings.given(_PRESET_SETTINGS)
        if given and self._has_own_processing:
            settings.problem(
                f"{', '.join(given)} would have no effect, since {type(self).__name__}."
                "image_processing prepares the pictures"
            )
        elif given and preset.resize_px is None:
            settings.problem(
                f"{', '.join(given)} would have no effect, since {type(self).__name__} gives the "
                "model each picture in its own size, scaled to 0…1"
            )
        if isinstance(preset, ImagePreset):
            self.preset = _preset_from(settings, preset)
        self.fast_decode = settings.switch("fast_decode", default=self.fast_decode)
        limited = self.context.system_properties.get("limit_max_image_pixels", True)
        max_pixels = settings.whole("max_pixels", self.max_pixels or MAX_PIXELS)
        self.max_pixels = max_pixels if limited or settings.given(["max_pixels"]) else None

    def image_processing(self, image: Image.Image) -> torch.Tensor:
        """Prepare one decoded picture.

        A subclass may put any callable in its place, such as a `Compose` of torchvision: a class
        attribute, as in TorchServe, or one set in `initialize`. It is given the picture upright,
        in Pillow's mode ``RGB``, or in that of a grey picture.

        Returns:
            The model's input for this picture, such as ``(3, 224, 224)`` float32.
        """
        crop = self.preset.crop(as_picture(image))
        return self.preset.normalise([crop], torch.device("cpu"))[0]

    @timed
    def preprocess(self, data: list[Row]) -> torch.Tensor | list[torch.Tensor]:
        """Decode and prepare the pictures of a batch.

        Args:
            data: One row a request.

        Returns:
            The batch ``(B, 3, H, W)`` on `device`, without the rows that were rejected; a list of
            tensors when they differ in shape.
        """
        prepared = []
        for index, row in enumerate(data):
            try:
                prepared.append(self._prepare(row))
            except RequestError as error:
                self.reject(index, error.message, status=error.status)
        return self._batch_of(prepared)

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch; inputs that differ in shape go through it one by one."""
        if isinstance(data, list):
            outputs = [
                super(VisionHandler, self).inference(each[None], *args, **kwargs) for each in data
            ]
            return _joined(outputs)
        return super().inference(data, *args, **kwargs)

    @property
    def _has_own_processing(self) -> bool:
        processing = getattr(self.image_processing, "__func__", None)
        return processing is not VisionHandler.image_processing

    def _prepare(self, row: Row) -> _Prepared:
        given = input_of(row)
        if isinstance(given, torch.Tensor):
            if self.takes_pictures_only and given.ndim != _PICTURE_DIMENSIONS:
                raise RequestError(
                    "expected nested lists of channels, rows and numbers (a tensor of shape "
                    f"(3, height, width)), got a tensor of shape {tuple(given.shape)}"
                )
            return _Prepared(given, is_crop=False)
        if self._has_own_processing:
            return _Prepared(self._processed(given), is_crop=False)
        if isinstance(given, Image.Image):
            picture = as_picture(given)
        else:
            shorter_side_px = self.preset.resize_px if self.fast_decode else None
            picture = decode(given, max_pixels=self.max_pixels, shorter_side_px=shorter_side_px)
        return _Prepared(self.preset.crop(picture), is_crop=True)

    def _processed(self, given: bytes | Image.Image) -> torch.Tensor:
        """What the subclass's own `image_processing` makes of a picture."""
        image = (
            given
            if isinstance(given, Image.Image)
            else decode_as_stored(given, max_pixels=self.max_pixels)
        )
        if image.mode not in _SIMPLE_MODES and not image.mode.startswith("I;16"):
            image = as_rgb(image)
        try:
            tensor = self.image_processing(image)
        except (RuntimeError, TypeError, ValueError):
            # Most are made for colour, and some for grey: TorchServe gave them either unchanged.
            if image.mode == "RGB":
                raise
            tensor = self.image_processing(as_rgb(image))
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{type(self).__name__}.image_processing must return a tensor, "
                f"not a {type(tensor).__name__}: end it with ToTensor()"
            )
        return tensor

    def _batch_of(self, prepared: Sequence[_Prepared]) -> torch.Tensor | list[torch.Tensor]:
        crops = [row.tensor for row in prepared if row.is_crop]
        normalised = self.preset.normalise(crops, self.device)
        if len(crops) == len(prepared):
            return normalised
        of_crops = iter(normalised)
        return stacked(
            [next(of_crops) if row.is_crop else row.tensor.to(self.device) for row in prepared]
        )


def _preset_from(settings: Settings, preset: ImagePreset) -> ImagePreset:
    resize_px = settings.whole("resize", preset.resize_px)
    crop_px = settings.whole("crop", preset.crop_px)
    mean = settings.per_channel("mean", preset.mean)
    std = settings.per_channel("std", preset.std)
    interpolation = settings.word("interpolation", preset.interpolation, INTERPOLATIONS)
    try:
        return ImagePreset(resize_px, crop_px, mean, std, interpolation)
    except ValueError as error:
        settings.problem(str(error))
        return preset


def _joined(outputs: list[Any]) -> Any:  # noqa: ANN401 - a model gives tensors, tuples or dicts
    """Put the outputs for single rows together as the model would have for a batch."""
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(outputs)
    if isinstance(first, dict):
        return {key: _joined([output[key] for output in outputs]) for key in first}
    if isinstance(first, list | tuple):
        return [_joined(list(parts)) for parts in zip(*outputs, strict=True)]
    raise HandlerContractError(f"cannot join outputs of type {type(first).__name__} to a batch")

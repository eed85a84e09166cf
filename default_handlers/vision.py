"""`VisionHandler`: from pictures in requests to a batch; what the vision handlers share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from PIL import Image
from torch import nn

from default_handlers.decoding import MAX_PIXELS, as_picture
from default_handlers.pictures import Size
from default_handlers.placement import Placement
from default_handlers.preparation import Preparation
from default_handlers.preparing import (
    Pictures,
    note,
    pictures_of_batch,
    prepared_requests,
    refusal_of_tensor,
)
from default_handlers.preset_settings import PRESET_SETTINGS, check_reach, preset_from
from default_handlers.presets import IMAGENET, ImagePreset
from default_handlers.scores import joined
from default_handlers.setting_names import owner_of
from default_handlers.settings import Settings
from ts_sdk.config import handler_section
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler, Row
from ts_sdk.tensors.parts import value_of
from ts_sdk.timing import timed

if TYPE_CHECKING:
    from ts_sdk.context import Context

_FILTER_DIMENSIONS = 4


class VisionHandler(BaseHandler):
    """Decodes the pictures of a batch and prepares them as `preset` says.

    A row holds a picture's bytes, the same as base64 text, or nested lists, which are taken for a
    tensor that needs no preparation. A request that holds none of these is rejected alone.

    Override `postprocess` for what the model answers; `preset`, or `image_processing`, for how
    pictures are prepared. Settings in section ``handler`` of `model-config.yaml` do the latter
    without code: those of `default_handlers.preset_settings`, and those that are attributes here.

    Attributes:
        preset: How pictures are resized, cropped and normalised.
        fast_decode: Whether JPEGs are decoded at the scale that is needed: faster, and not quite
            the same pixels.
        max_pixels: Most pixels that a picture may have, None for any number.
        max_pictures: Most pictures in one request.
        decode_threads: How many threads decode the pictures of a batch; None for as many as torch
            computes with.
        takes_pictures_only: Whether a tensor must have the dimensions of a picture, ``(C, H, W)``.
        answers_several: Whether this class's `postprocess` joins the answers to several pictures of
            one request with `by_request`. It is not inherited by a class with a `postprocess` of
            its own: there, such a request is rejected.
    """

    takes_pictures_only: ClassVar[bool] = False
    answers_several: ClassVar[bool] = False

    preset: ImagePreset = IMAGENET
    fast_decode: bool = False
    max_pixels: int | None = MAX_PIXELS
    max_pictures: int = 64
    decode_threads: int | None = None

    def initialize(self, context: "Context") -> None:
        """Load the model, the class names and the settings.

        Raises:
            LoadError: The model cannot be loaded, or a setting is wrong.
        """
        super().initialize(context)
        settings = Settings(
            handler_section(self.model_yaml_config), self.model_yaml_config, owner_of(self)
        )
        self.read_settings(settings)
        settings.check()
        if self.preset.layout == "channels_last" and _has_filters(self.model):
            self.model = self.model.to(memory_format=torch.channels_last)

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say; subclasses read theirs after these."""
        given = settings.given(PRESET_SETTINGS)
        if given and self._has_own_processing:
            settings.problem(
                f"{', '.join(given)} would have no effect, since {type(self).__name__}."
                "image_processing prepares the pictures"
            )
        self.preset = preset_from(settings, self.preset)
        self.fast_decode = settings.switch("fast_decode", default=self.fast_decode)
        self.max_pictures = settings.whole("max_pictures", self.max_pictures)
        self.decode_threads = settings.whole("decode_threads", self.decode_threads)
        limited = self.context.system_properties.get("limit_max_image_pixels", True)
        max_pixels = settings.whole("max_pixels", self.max_pixels or MAX_PIXELS)
        self.max_pixels = max_pixels if limited or settings.given(["max_pixels"]) else None
        check_reach(settings, self.preset, max_pixels)

    def check_count(self, count: int) -> None:
        """Refuse a request of *count* pictures; called for those that may hold several.

        Raises:
            RequestError: They are too many, or would have no place in the answer.
        """
        if not self._takes_several:
            raise RequestError(f"expected one picture, got {count}: send each in a request")
        if count > self.max_pictures:
            raise RequestError(
                f"expected at most {self.max_pictures} pictures in a request (setting "
                f"max_pictures), got {count}"
            )

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
            tensors when they differ in shape. A request with several pictures has as many rows.
        """
        pictures, prepared = Pictures(), []
        preparation = self._preparation
        requests = prepared_requests(data, preparation.prepare, self.check_count, self._threads)
        for index, request in enumerate(requests):
            if isinstance(request, RequestError):
                self.reject(index, request.message, status=request.status)
            else:
                pictures.add(request)
                prepared += request.pictures
        note(pictures)
        return preparation.batch_of(prepared, self.device)

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch; inputs that differ in shape go through it one by one."""
        if not isinstance(data, list):
            with self.judging_tensors():
                return super().inference(data, *args, **kwargs)
        outputs = []
        for place, each in enumerate(data):
            with self.judging_tensors(place):
                outputs.append(super().inference(each[None], *args, **kwargs))
        return joined(outputs)

    @contextmanager
    def judging_tensors(self, place: int | None = None) -> Iterator[None]:
        """Refuse a request whose own tensor the model cannot take.

        Args:
            place: Which picture of the batch the model is given, None for all of them. An error for
                several leaves it to be found out which of them is to blame.
        """
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            refusal = refusal_of_tensor(error, place)
            if refusal is None:
                raise
            raise refusal from error

    def place(self, size: Size) -> Placement:
        """Where what the model sees of a picture of this size lies in it."""
        return Placement.unchanged(size) if self._has_own_processing else self.preset.place(size)

    def placement_of(self, place: int) -> Placement | None:
        """Where what the model sees of picture *place* lies in it; None where it is not known."""
        pictures = pictures_of_batch()
        if pictures is None or place >= len(pictures.placements):
            return None
        return pictures.placements[place]

    def by_request(self, answers: list[Any]) -> list[Any]:
        """Join the answers to several pictures of one request to a list.

        Args:
            answers: One answer a picture, in the order of the batch.

        Returns:
            One answer a request.
        """
        pictures = pictures_of_batch()
        if pictures is None or len(answers) != len(pictures.rows):
            return answers
        return pictures.by_request(answers)

    def reject_pictures(self, places: Iterable[int], message: str, *, status: int = 400) -> None:
        """Refuse the requests that have these pictures of the batch, in `postprocess`."""
        pictures = pictures_of_batch()
        for row in {place if pictures is None else pictures.rows[place] for place in places}:
            self.reject(row, message, status=status)

    def get_insights(self, tensor_data: Any, raw_data: Any, target: Any = 0) -> list[Any]:  # noqa: ANN401, ARG002 - the contract's signature
        """Explain what the model answers about one picture; TorchServe's name for it.

        Integrated gradients in 15 steps, or the best method that is right for the model's form.

        Args:
            tensor_data: What `preprocess` made of the request.
            raw_data: What was sent.
            target: The class's number or name.

        Returns:
            A list with the attributions, as nested lists ``(C, H, W)``.
        """
        from ts_sdk.explain.contract import insights

        return [insights(self, tensor_data, target).attributions.tolist()]

    def explained_picture(self, row: Row) -> Image.Image | None:
        """The picture in *row* as the model sees it; None where a tensor was sent."""
        prepared = self._preparation.prepare(value_of(row))
        if not prepared.is_crop:
            return None
        return Image.fromarray(prepared.tensor.contiguous().numpy())

    def explained_window(self, row: Row) -> tuple[Size, tuple[float, ...]] | None:
        """Width and height of the picture in *row*, and the box in it that the model sees."""
        return self._preparation.window(value_of(row))

    @property
    def _takes_several(self) -> bool:
        owner = next(each for each in type(self).__mro__ if "postprocess" in vars(each))
        return bool(vars(owner).get("answers_several", False))

    @property
    def _threads(self) -> int:
        if self._has_own_processing:  # which need not be safe with threads
            return 1
        return self.decode_threads or torch.get_num_threads()

    @property
    def _has_own_processing(self) -> bool:
        processing = getattr(self.image_processing, "__func__", None)
        return processing is not VisionHandler.image_processing

    @property
    def _preparation(self) -> Preparation:
        return Preparation(
            self.preset,
            self.max_pixels,
            self.fast_decode,
            self.takes_pictures_only,
            self.image_processing if self._has_own_processing else None,
            f"{type(self).__name__}.image_processing",
        )


def _has_filters(model: object) -> bool:
    """Whether *model* has weights of convolutions, whose layout in memory can be changed."""
    return isinstance(model, nn.Module) and any(
        each.dim() == _FILTER_DIMENSIONS for each in model.parameters()
    )

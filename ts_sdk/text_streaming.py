"""`TextIteratorStreamerBatch`: text that a model of the transformers library generates, in pieces.

That library's own streamer takes a batch of one.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch


class TextIteratorStreamerBatch:
    """Takes tokens from ``model.generate(..., streamer=...)`` and gives the text of all requests.

    Iterating gives one list for each step, with ``{"text": piece}`` for each request. A request
    whose text has ended gives empty pieces until the others have ended too: texts of different
    lengths are all given whole. Iterate in another thread than `generate` runs in.

    Args:
        tokenizer: A tokenizer of the transformers library.
        batch_size: How many requests are generated at once.
        skip_prompt: Whether the prompts are left out.
        timeout: Seconds to wait for a piece, after which `queue.Empty` is raised; None waits.
        **decode_kwargs: Options of the tokenizer's ``decode``, such as ``skip_special_tokens``.

    Raises:
        ImportError: The transformers library is not installed.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - the library is not needed to import this module
        batch_size: int,
        skip_prompt: bool = False,  # noqa: FBT001, FBT002 - TorchServe's signature, used by position
        timeout: float | None = None,
        **decode_kwargs: Any,  # noqa: ANN401 - as above
    ) -> None:
        try:
            from transformers import TextIteratorStreamer
        except ImportError as error:
            raise ImportError(
                "TextIteratorStreamerBatch needs the package transformers: pip install "
                f"transformers ({error})",
                name="transformers",
            ) from error
        self.batch_size = batch_size
        self.streamers = [
            TextIteratorStreamer(tokenizer, skip_prompt, timeout, **decode_kwargs)
            for _ in range(batch_size)
        ]
        self._pieces: list[Iterator[str]] = [iter(streamer) for streamer in self.streamers]
        self._last_tokens = _last_tokens_of(tokenizer)
        self._prompts_are_next = True
        self._complete = [False] * batch_size
        self._read = [False] * batch_size

    def put(self, value: "torch.Tensor") -> None:
        """Take the prompts, then one more token a request each time.

        Args:
            value: ``(B, L)`` prompts, then ``(B,)`` tokens.
        """
        if value.shape[0] != self.batch_size:
            raise ValueError(
                f"generate() puts tokens of {value.shape[0]} requests into a streamer for "
                f"{self.batch_size}: make TextIteratorStreamerBatch with that batch_size"
            )
        for index, streamer in enumerate(self.streamers):
            if self._complete[index]:  # what comes now is padding
                continue
            tokens = value[index : index + 1]
            streamer.put(tokens)
            if not self._prompts_are_next and int(tokens.flatten()[-1]) in self._last_tokens:
                self._finish(index)
        self._prompts_are_next = False

    def end(self) -> None:
        """End the texts that have not ended by themselves."""
        for index in range(self.batch_size):
            self._finish(index)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[dict[str, str]]:
        pieces = [self._next_piece(index) for index in range(self.batch_size)]
        if all(self._read):
            raise StopIteration
        return [{"text": piece} for piece in pieces]

    def _finish(self, index: int) -> None:
        if not self._complete[index]:
            self._complete[index] = True
            self.streamers[index].end()

    def _next_piece(self, index: int) -> str:
        """The next piece of a request's text, empty when it has ended."""
        if not self._read[index]:
            try:
                return next(self._pieces[index])
            except StopIteration:
                self._read[index] = True
        return ""


def _last_tokens_of(tokenizer: Any) -> Collection[int]:  # noqa: ANN401 - as above
    """The tokens after which only padding comes."""
    token = getattr(tokenizer, "eos_token_id", None)
    return () if token is None else (token,)

"""The axes of `mar tune`: what is tried, where it should not be all."""

import argparse
from collections.abc import Callable

from ts_sdk.cli.model_options import count

_FORMS = ("eager", "channels-last", "torchscript", "onnx", "openvino", "compile", "aoti")


def add_axes(parser: argparse.ArgumentParser) -> None:
    """Add an option for each axis, which takes a list."""
    group = parser.add_argument_group("axes", "what is tried, where it should not be all")
    words, counts = _list_of(str), _list_of(count)
    group.add_argument("--devices", metavar="LIST", type=words, help="cpu, cuda, cuda:1, mps")
    group.add_argument(
        "--precisions", metavar="LIST", type=words, help="float32, float16, bfloat16, ..."
    )
    group.add_argument(
        "--forms", metavar="LIST", type=_list_of(_form), help="those that are listed below"
    )
    group.add_argument(
        "--no-fast-decode",
        action="store_true",
        help="do not try to decode JPEGs at the scale that is needed",
    )
    group.add_argument("--threads", metavar="LIST", type=counts, help="of torch for each worker")
    group.add_argument("--workers", metavar="LIST", type=counts, help="batches at once")
    group.add_argument(
        "--batch-sizes", metavar="LIST", type=counts, help="most requests in a batch"
    )
    group.add_argument(
        "--delays",
        metavar="LIST",
        type=_list_of(_delay_ms),
        help="how long a request waits for others, in milliseconds: 0,5,20",
    )
    group.add_argument(
        "--concurrency", metavar="LIST", type=counts, help="requests that there are at a time"
    )


def _list_of(read: Callable[[str], object]) -> Callable[[str], list[object]]:
    def read_all(text: str) -> list[object]:
        return [read(each.strip()) for each in text.split(",")]

    return read_all


def _delay_ms(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def _form(text: str) -> str:
    if text not in _FORMS:
        raise argparse.ArgumentTypeError(f"there is no form {text!r}: use {', '.join(_FORMS)}")
    return text

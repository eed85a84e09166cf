"""``--header`` and ``--content-type``: what a client sends with the inputs of ``mar run``."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ts_sdk.cli.inputs import Input
from ts_sdk.cli.usage import UsageError
from ts_sdk.rows import BODY, JSON, Request


def add_wire_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to *parser*."""
    parser.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        dest="headers",
        type=_header,
        action="append",
        default=[],
        help="a request header for each input; may be given several times",
    )
    parser.add_argument(
        "--content-type", metavar="TYPE", help="the content type of each input, such as text/plain"
    )


def as_sent(inputs: Sequence[Input], args: argparse.Namespace) -> list[Input]:
    """*inputs* with the headers and the content type that *args* say.

    Raises:
        UsageError: ``--content-type`` and ``--as`` are both given, or the type is none.
    """
    headers = dict(args.headers)
    if args.content_type is not None and args.kind is not None:
        raise UsageError("--content-type and --as both say what the inputs are: give one of them")
    if args.content_type is not None and "/" not in args.content_type:
        raise UsageError(
            f"--content-type {args.content_type}: a content type has two parts, such as "
            "application/json or text/plain"
        )
    if not headers and args.content_type is None:
        return list(inputs)
    return [_sent(each, headers, args.content_type) for each in inputs]


def _sent(given: Input, headers: Mapping[str, str], content_type: str | None) -> Input:
    def read() -> Request:
        body = given.read()
        if body is None:  # JSON's null
            return Request.sent(parts={BODY: (body, content_type or JSON)}, headers=headers)
        return Request.sent(body, content_type=content_type, headers=headers)

    return replace(given, read=read)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no header: write 'NAME: VALUE'")
    return name.strip(), value.strip()

"""``mar cache``: show or clear the extracted archives, and environments made for archives."""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from archiver.sizes import format_size
from ts_sdk.cache import CacheEntry, Clearing, ExtractionCache
from ts_sdk.cli.exit_codes import ExitCode
from ts_sdk.cli.tables import Column, print_table
from ts_sdk.cli.usage import UsageError, add_json_switch, make_command_parser

_DETAILS = """\
'mar cache' lists the archives that were extracted, the one used last first, and the environments
that --isolation venv has made. 'mar cache clear' removes them, except what a running process uses.

environment:
  TS_SDK_CACHE_DIR    where they are (default: the platform's folder for caches)
  TS_SDK_CACHE_LIMIT  what archives may take, such as 50GB (default: 20GiB); after an extraction,
                      those that were not used for longest are removed until the rest fits
"""
_SHORT_DIGEST = 12


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of ``mar cache``."""
    parser = make_command_parser(
        "cache", "Show or clear what was extracted or made for archives.", _DETAILS
    )
    parser.add_argument("action", nargs="?", choices=["list", "clear"], default="list")
    parser.add_argument(
        "digests",
        metavar="DIGEST",
        nargs="*",
        help="clear only these; the first digits are enough (default: all)",
    )
    add_json_switch(parser)
    args = parser.parse_intermixed_args(arguments)
    if args.digests and args.action == "list":
        parser.error("a DIGEST goes with 'clear'")
    return args


def execute(args: argparse.Namespace) -> ExitCode:
    """List the cache, or clear it."""
    cache = ExtractionCache()
    if args.action == "list":
        _print_entries(cache, as_json=args.json)
        return ExitCode.OK
    clearing = _clear(cache, args.digests)
    _print_clearing(clearing, as_json=args.json)
    return ExitCode.FAILED if args.digests and clearing.kept else ExitCode.OK


def _clear(cache: ExtractionCache, digests: Sequence[str]) -> Clearing:
    if not digests:
        return cache.clear()
    chosen = _chosen([*cache.entries(), *cache.environments()], digests)
    clearings = [cache.clear(entry.digest) for entry in chosen]
    return Clearing(
        removed=tuple(entry for clearing in clearings for entry in clearing.removed),
        kept=tuple(entry for clearing in clearings for entry in clearing.kept),
    )


def _chosen(entries: Sequence[CacheEntry], digests: Iterable[str]) -> list[CacheEntry]:
    """The entries that *digests*, or their first digits, stand for."""
    chosen: dict[str, CacheEntry] = {}
    problems = []
    for digest in digests:
        found = [entry for entry in entries if entry.digest.startswith(digest)]
        if len(found) == 1:
            chosen[found[0].digest] = found[0]
        else:
            problems.append(f"{len(found) or 'no'} entries of the cache begin with {digest!r}")
    if problems:
        raise UsageError("; ".join(problems))
    return list(chosen.values())


def _print_entries(cache: ExtractionCache, *, as_json: bool) -> None:
    entries, environments = cache.entries(), cache.environments()
    size_bytes = _size_of(entries)
    if as_json:
        facts = {
            "root": str(cache.root),
            "limit_bytes": cache.limit_bytes,
            "size_bytes": size_bytes,
            "entries": [_facts(entry) for entry in entries],
            "environments": [_facts(entry) for entry in environments],
        }
        print(json.dumps(facts, indent=2))
        return
    _print_table("digest", "archive", entries)
    used, limit = format_size(size_bytes), format_size(cache.limit_bytes)
    print(f"{_counted(entries, 'archive')}, {used} of at most {limit}, in {cache.root}")
    if environments:
        print()
        _print_table("environment", "made for", environments)
        used = format_size(_size_of(environments))
        print(f"{_counted(environments, 'environment')}, {used} beside that")


def _print_table(first: str, second: str, entries: Sequence[CacheEntry]) -> None:
    if entries:
        columns = [Column(first), Column(second), Column("size", right=True)]
        columns += [Column("last used"), Column("in use")]
        print_table(columns, [_row(entry) for entry in entries])


def _counted(entries: Sequence[CacheEntry], word: str) -> str:
    return f"1 {word}" if len(entries) == 1 else f"{len(entries)} {word}s"


def _size_of(entries: Iterable[CacheEntry]) -> int:
    return sum(entry.size_bytes for entry in entries)


def _row(entry: CacheEntry) -> list[str]:
    return [
        entry.digest[:_SHORT_DIGEST],
        entry.archive,
        format_size(entry.size_bytes),
        entry.last_used.astimezone().isoformat(" ", "minutes"),
        "yes" if entry.in_use else "no",
    ]


def _facts(entry: CacheEntry) -> dict[str, object]:
    return asdict(entry) | {"last_used": entry.last_used.isoformat()}


def _print_clearing(clearing: Clearing, *, as_json: bool) -> None:
    if as_json:
        removed, kept = ([_facts(entry) for entry in found] for found in vars(clearing).values())
        print(json.dumps({"removed": removed, "kept": kept}, indent=2))
        return
    for entry in clearing.removed:
        print(f"removed {_named(entry)} ({format_size(entry.size_bytes)})")
    for entry in clearing.kept:
        print(f"kept {_named(entry)}: it is in use")
    if not clearing.removed and not clearing.kept:
        print("the cache is empty")


def _named(entry: CacheEntry) -> str:
    what = entry.archive if entry.kind == "archive" else f"environment of {entry.archive}"
    return f"{entry.digest[:_SHORT_DIGEST]} {what}"

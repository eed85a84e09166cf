"""The pytest plugin: fixtures for handlers under test; nothing of torch is imported before one.

It is active where ts-sdk is installed; ``-p no:ts_sdk`` turns it off.
"""

import sys
from collections.abc import Callable, Iterator  # noqa: TC003 - pytest reads the annotations of fixtures
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from ts_sdk.torchserve import install

if TYPE_CHECKING:
    from ts_sdk.model import Model
    from ts_sdk.testing.contexts import Exchange
    from ts_sdk.testing.snapshots import Snapshots

_WRITTEN = pytest.StashKey[list[str]]()
_SHARED = pytest.StashKey[Any]()
_UPDATE = "mar_update"
_SENT = "ts_sdk_golden_files"
"""Under which a process of xdist tells the one that prints which golden files it has written."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("ts-sdk", "ts-sdk: tests of handlers")
    group.addoption(
        "--mar-update",
        action="store_true",
        dest=_UPDATE,
        help="write the golden files of mar_snapshot in place of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make TorchServe's import names known, unless there is a package of that name."""
    config.stash[_WRITTEN] = []
    try:
        install()
    except ImportError:
        return  # the tests' own, or TorchServe itself


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which golden files were written."""
    written = config.stash.get(_WRITTEN, [])
    if written:
        terminalreporter.section("golden files", sep="-")
        for path in sorted(written):
            terminalreporter.write_line(f"written: {path}")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close the model that the checks of one handler share, after the last of them."""
    case = _case_of(item)
    if case is None:
        return
    item.config.stash[_SHARED] = case
    if case is not _case_of(nextitem):
        case.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close what is open when the tests end early, and tell xdist what was written."""
    case = session.config.stash.get(_SHARED, None)
    if case is not None:
        case.close()
    sent = getattr(session.config, "workeroutput", None)
    if sent is not None:
        sent[_SENT] = session.config.stash.get(_WRITTEN, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - a class of xdist, which may not be there
    """Take what a process of xdist has written."""
    node.config.stash[_WRITTEN] += getattr(node, "workeroutput", {}).get(_SENT, [])


def _case_of(item: pytest.Item | None) -> Any:  # noqa: ANN401 - a `HandlerCase`, which imports torch
    """The handler under test where *item* is one of its promises."""
    check = getattr(getattr(item, "callspec", None), "params", {}).get("check")
    ours = sys.modules.get("ts_sdk.testing.parametrize")
    return check.case if ours is not None and isinstance(check, ours.BoundCheck) else None


@pytest.fixture
def mar_handler() -> "Iterator[Callable[..., Model]]":
    """Load handlers and archives for the time of a test.

    ``mar_handler(MyHandler, model=net, files={...}, config={...})`` starts a class, with the
    arguments of `ts_sdk.testing.load_handler`; ``mar_handler("folder")`` loads a folder of sources
    or an archive, with those of `ts_sdk.load`.
    """
    from ts_sdk.testing.sources import source_of

    with ExitStack() as models:

        def load(handler: Any, **options: Any) -> "Model":  # noqa: ANN401 - as `load_handler`
            return models.enter_context(source_of(handler, **options).load())

        yield load


@pytest.fixture
def mar_context() -> "Iterator[Callable[..., Exchange]]":
    """Make real contexts, to call a handler's methods by hand; as `ts_sdk.testing.make_context`."""
    from ts_sdk.testing.contexts import make_context

    with ExitStack() as exchanges:
        yield lambda *args, **options: exchanges.enter_context(make_context(*args, **options))


@pytest.fixture
def mar_snapshot(request: pytest.FixtureRequest) -> "Iterator[Snapshots]":
    """Compare values with golden files beside the test, within a tolerance.

    ``mar_snapshot(model.predict(picture))``; run ``pytest --mar-update`` to write them.
    """
    from ts_sdk.testing.snapshots import FOLDER, Snapshots

    file = request.path
    snapshots = Snapshots(
        file.parent / FOLDER / file.stem,
        request.node.nodeid.partition("::")[2],
        update=request.config.getoption(_UPDATE),
    )
    yield snapshots
    request.config.stash[_WRITTEN] += map(str, snapshots.written)

"""Which modules an archive brings along, by the names of its members."""

from collections.abc import Collection, Iterable

_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


class OwnModules:
    """The modules of one archive.

    Args:
        names: The names of its members.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._members = {_stem(name): name for name in names if name.endswith(_SUFFIXES)}
        # A source goes before what was compiled from it.
        self._members |= {_stem(name): name for name in names if name.endswith(".py")}
        self._folders = {folder for name in self._members.values() for folder in _folders_of(name)}
        self._roots = [""]

    def add_root(self, member: str) -> None:
        """Find modules beside *member* too, and beside the package that it is in."""
        folder = root = _folder(member)
        while root and f"{root}/__init__" in self._members:
            root = _folder(root)
        self._add([root, folder])

    def add_all_folders(self) -> None:
        """Find modules in every folder: the code puts some on `sys.path` while it runs."""
        self._add(sorted(self._folders))

    def _add(self, folders: Iterable[str]) -> None:
        self._roots += [folder for folder in folders if folder not in self._roots]

    def owns(self, module: str) -> bool:
        """Whether the first part of *module* is the archive's."""
        top = module.partition(".")[0]
        return self.member_of(top) is not None or self.is_folder(top)

    def member_of(self, module: str) -> str | None:
        """The file of *module*: of a package its ``__init__.py``; None when there is no file."""
        return next((found for root in self._roots if (found := self._in(root, module))), None)

    def is_folder(self, module: str) -> bool:
        """Whether *module* is a folder without a file of its own."""
        path = module.replace(".", "/")
        return any(_joined(root, path) in self._folders for root in self._roots)

    def _in(self, root: str, module: str) -> str | None:
        path = _joined(root, module.replace(".", "/"))
        return self._members.get(f"{path}/__init__") or self._members.get(path)


def _stem(name: str) -> str:
    """A module's path without its suffix; of ``x.cpython-311-x86_64-linux-gnu.so`` it is x."""
    folder, _, file = name.rpartition("/")
    return _joined(folder, file.partition(".")[0])


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _folders_of(name: str) -> Iterable[str]:
    while "/" in name:
        name = _folder(name)
        yield name

"""Every shape that handlers have: how they are written, named, found and initialised."""

from torchserve_corpus import shape_handlers as of
from torchserve_corpus.case import Case, Differs, Reply, text, value

ONE = [[text("a")], [text("b"), text("c")]]
"""One request, then two together."""

GENERATOR = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        pass

    def handle(self, data, context):
        for number in range(3):
            yield [row["body"] + str(number) for row in data]
"""

COROUTINE = """
import asyncio

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.mark = "~"

    async def handle(self, data, context):
        await asyncio.sleep(0)
        return [row["body"] + self.mark for row in data]
"""

GENERATOR_INFERENCE = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        pass

    def preprocess(self, data):
        return (row["body"] for row in data)

    def inference(self, data):
        for each in data:
            yield each + "+"

    def postprocess(self, data):
        return list(data)
"""


def _said(*bodies: str) -> list[list[Reply]]:
    """What is promised to `ONE`."""
    replies = [Reply(body=body.encode()) for body in bodies]
    return [replies[:1], replies[1:]]


def cases() -> list[Case]:
    """Shapes that both can start, or that only ours can."""
    return [*_found_by_the_original(), *_found_by_ours(), *_packages()]


def _found_by_the_original() -> list[Case]:
    handlers = {
        "a subclass": of.SUBCLASS,
        "a plain class": of.PLAIN_CLASS,
        "a module's handle": of.FUNCTION.replace("entry", "handle"),
        "a service and a module's handle": of.PLAIN_CLASS + of.SERVICE,
        "an instance that is called": of.CALLABLE,
        "no call of the constructor above": of.NO_CONSTRUCTOR_ABOVE.format(above="pass"),
        "a call of the constructor above the one above": of.NO_CONSTRUCTOR_ABOVE.format(
            above="super(BaseHandler, self).__init__()"
        ),
        "swapped names of the arguments": of.SWAPPED,
        "a class made by a factory": of.FACTORY,
        "a class made by type()": of.MADE_BY_TYPE,
        "static and class methods": of.STATIC,
        "a handle set when it starts": of.LATE_HANDLE,
        "a handle set when it is built": of.EARLY_HANDLE,
        "a function beside a class": of.FUNCTION_BESIDE_CLASS,
        "an inherited handle, other names of arguments": of.INHERITED_HANDLE,
        "a generator for inference": GENERATOR_INFERENCE,
        "a handle that calls the one above": of.CALLS_BASE_HANDLE,
        "a service that starts at its first request": of.LOADS_WHEN_FIRST_CALLED,
    }
    found = [Case(f"shapes: {name}", {"handler.py": code}, ONE) for name, code in handlers.items()]
    names = ("handler:entry", "handler.py:entry")
    found += [
        Case(f"shapes: a function named {name}", {"handler.py": of.FUNCTION}, ONE, handler=name)
        for name in names
    ]
    return [
        *found,
        Case("shapes: a name without .py", {"handler.py": of.PLAIN_CLASS}, ONE, handler="handler"),
        Case("shapes: a base class in a file of its own", of.OWN_BASE, ONE),
        Case(
            "shapes: a function that is not there beside a class",
            {"handler.py": of.PLAIN_CLASS},
            ONE,
            handler="handler.py:missing",
        ),
        Case(
            "shapes: a handler named as a default one",
            {"base_handler.py": of.PLAIN_CLASS},
            ONE,
            handler="base_handler",
        ),
        Case("shapes: no manifest", {"handler.py": of.PLAIN_CLASS}, ONE, has_manifest=False),
    ]


def _found_by_ours() -> list[Case]:
    """TorchServe does not start these."""
    return [
        Case(
            "shapes: a class named after the colon",
            {"handler.py": of.SEVERAL + "\n\nclass Other(Shout):\n    pass\n"},
            ONE,
            handler="handler.py:Shout",
            differs=Differs("a class may be named as a function may", _said("a!", "b!", "c!")),
        ),
        Case(
            "shapes: several classes in a file",
            {"handler.py": of.SEVERAL},
            ONE,
            differs=Differs("one of them is a handler", _said("a!", "b!", "c!")),
        ),
        Case(
            "shapes: a class that the file imports",
            {**of.OWN_BASE, "handler.py": "from common import Common\nCommon.sign = 'y'\n"},
            ONE,
            differs=Differs("it is the only one there", _said("a-y", "b-y", "c-y")),
        ),
        Case(
            "shapes: a generator",
            {"handler.py": GENERATOR},
            [[text("a")], [text("b"), text("c")]],
            differs=Differs("its items are the pieces of a stream", _streamed("a", "b", "c")),
        ),
        Case(
            "shapes: a coroutine without asyncCommunication",
            {"handler.py": COROUTINE},
            ONE,
            differs=Differs("it is awaited all the same", _said("a~", "b~", "c~")),
        ),
    ]


def _streamed(*texts: str) -> list[list[Reply]]:
    headers = {"ts_stream_next": "false"}
    replies = [
        Reply(body="".join(f"{each}{number}" for number in range(3)).encode(), headers=headers)
        for each in texts
    ]
    return [replies[:1], replies[1:]]


def _packages() -> list[Case]:
    package = {
        "package/__init__.py": "MARK = '*'\n",
        "package/names.py": "from package import MARK\n",
        "package/handler.py": """
            from package.names import MARK


            def handle(data, context):
                return None if data is None else [row["body"] + MARK for row in data]
            """,
    }
    return [
        Case(
            "shapes: a function in a package's file",
            package,
            ONE,
            handler="package/handler.py:handle",
        ),
        Case(
            "shapes: a file in a package",
            package,
            ONE,
            handler="package/handler.py",
            differs=Differs("the folder that it names is looked in", _said("a*", "b*", "c*")),
        ),
        Case(
            "shapes: coroutines under asyncCommunication",
            {"handler.py": COROUTINE},
            [[text("a")], [value("b")]],
            config="asyncCommunication: true\n",
        ),
    ]

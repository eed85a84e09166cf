"""Handler files: which can be started, as far as their syntax tree tells."""

import pytest

from archiver.source_checks.handler import handler_problems

BASE = "from ts.torch_handler.base_handler import BaseHandler\n"
HANDLING = "    def initialize(self, context): ...\n    def handle(self, data, context): ...\n"


@pytest.fixture
def judged(tmp_path):
    """What is said of a handler with this source."""

    def judge(source, entry_point=None):
        path = tmp_path / "handler.py"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        return handler_problems(path, entry_point)

    return judge


STARTABLE = {
    "a function": "def handle(data, context): ...",
    "a coroutine": "async def handle(data, context): ...",
    "an object that is called": "handle = Service()",
    "a service and its function": (
        "class Service:\n    pass\n_service = Service()\ndef handle(data, context):\n"
        "    return _service.handle(data, context)"
    ),
    "a function that is imported": "from service import handle",
    "a function in a branch": (
        "try:\n    from fast import handle\nexcept ImportError:\n    handle = None"
    ),
    "a function under another name": "import service as handle",
    "a global that a function sets": "def start():\n    global handle\n    handle = print",
    "a loop variable": "for handle in [print]: pass",
    "a star import": "from service import *",
    "reflection": "globals()['handle'] = print",
    "a module that makes its attributes": "def __getattr__(name): ...",
    "a subclass": BASE + "class Cat(BaseHandler): pass",
    "a subclass by its full name": (
        "import ts.torch_handler.base_handler\n"
        "class Cat(ts.torch_handler.base_handler.BaseHandler): pass"
    ),
    "a subclass of a subclass": BASE + "class A(BaseHandler): pass\nclass B(A): pass",
    "a class of its own": f"class Cat:\n{HANDLING}",
    "a class that is told to handle": (
        "class Cat:\n    def __init__(self):\n        self.handle = Batching(self)\n"
        "    def initialize(self, context): ..."
    ),
    "a class with an alias": (
        "class Cat:\n    def initialize(self, context): ...\n"
        "    def predict(self, data, context): ...\n    handle = predict"
    ),
    "methods of two classes": (
        "class A:\n    def initialize(self, context): ...\n"
        "class B(A):\n    def handle(self, data, context): ..."
    ),
    "a class that makes its attributes": "class Cat:\n    def __getattr__(self, name): ...",
    "a class made by a metaclass": "class Cat(metaclass=Registry): pass",
    "a class made by a function": "Cat = make_handler()",
    "a class made by type()": "Cat = type('Cat', (), {})",
    "a handler beside an error and a record": (
        BASE
        + "from dataclasses import dataclass\nclass Oops(Exception): pass\n"
        + "@dataclass\nclass Box:\n    x: int\nclass Cat(BaseHandler): pass"
    ),
    "a handler beside a model": (
        BASE + "from torch import nn\nclass Net(nn.Module): pass\nclass Cat(BaseHandler): pass"
    ),
    "a doubtful escape sequence": "PATTERN = '\\d'\ndef handle(data, context): ...",
}


@pytest.mark.parametrize("source", STARTABLE.values(), ids=STARTABLE)
def test_a_handler_is_started_by(judged, source):
    assert judged(source) == []


@pytest.mark.parametrize("entry_point", ["entry", "Cat"])
def test_what_is_named_is_enough(judged, entry_point):
    source = "class Cat: pass\ndef entry(data, context): ..."
    assert judged(source, entry_point) == []


def test_the_default_name_may_be_given_where_only_a_class_is(judged):
    assert judged(f"class Cat:\n{HANDLING}", "handle") == []


NOT_STARTABLE = {
    "nothing": "",
    "other functions": "import logging\nlogger = logging.getLogger()\ndef predict(data): ...",
    "a class without methods": "class Cat: pass",
    "a class without initialize": "class Cat:\n    def handle(self, data, context): ...",
    "a class without handle": "class Cat:\n    def initialize(self, context): ...",
    "a model": "from torch import nn\nclass Net(nn.Module): pass",
    "a script": (
        "def main(): ...\nparser = ArgumentParser()\nif __name__ == '__main__':\n    main()"
    ),
    "a class that sets attributes": (
        "class Box:\n    def __init__(self, **values):\n        setattr(self, 'x', 1)\n"
        "class Cat: pass"
    ),
    "an error": "class Oops(Exception): pass",
    "an enumeration": "import enum\nclass Kind(enum.Enum):\n    A = 1",
    "a class inside a function": f"def f():\n    class Cat:\n        pass\n{'#'}",
    "a handle that is local": "def f():\n    handle = 1",
    "a handle that is deleted": "def handle(data, context): ...\ndel handle",
}


@pytest.mark.parametrize("source", NOT_STARTABLE.values(), ids=NOT_STARTABLE)
def test_a_handler_is_not_started_by(judged, source):
    (problem,) = judged(source)
    assert "handler.py has no entry point" in problem


def test_a_name_that_is_not_there_is_told_with_what_was_probably_meant(judged):
    (problem,) = judged("def predict(data, context): ...", "predit")
    assert "defines no 'predit'; did you mean 'predict'?" in problem


def test_a_variable_is_not_what_was_meant(judged):
    source = "import logging\nlogger = logging.getLogger()\n" + BASE
    (problem,) = judged(source + "class FlowerHandler(BaseHandler): pass", "flower")
    assert "defines no 'flower'; did you mean 'FlowerHandler'?" in problem


def test_several_handlers_are_told_with_how_to_name_one(judged):
    (problem,) = judged(BASE + "class A(BaseHandler): pass\nclass B(BaseHandler): pass")
    assert "several classes that could be meant: A, B" in problem
    assert "--handler handler.py:A" in problem


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("x = 1\ndef handle(:\n", "handler.py:2"),
        ("return 1", "handler.py:1"),
        ("if True:\nx = 1", "handler.py:2"),
        (b"x = '\xff'", "handler.py"),
        (b"x = 1\0", "handler.py"),
        ("(" * 1000, "handler.py"),
        ("-" * 100_000 + "1", "handler.py"),
    ],
)
def test_a_file_that_does_not_parse_is_told_with_its_line(judged, source, place):
    (problem,) = judged(source)
    assert "the handler does not parse" in problem
    assert place in problem


def test_nothing_of_it_is_run(judged, tmp_path):
    judged(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef handle(data, context): ...")
    assert not (tmp_path / "ran").exists()

"""Where a handler runs: its folder, its modules, its environment, its log."""

from torchserve_corpus.case import Case, text

READS_FILES_AT_START = """
import os


class Handler:
    def initialize(self, context):
        with open("labels.csv") as file:
            self.labels = file.read().split(",")
        with open(os.path.join(os.getcwd(), "nested", "more.txt")) as file:
            self.labels.append(file.read())

    def handle(self, data, context):
        return [self.labels for _ in data]
"""

READS_FILES_LATE = """
import os
import subprocess
import sys


def handle(data, context):
    if data is None:
        return None
    here = os.path.samefile(os.getcwd(), context.system_properties["model_dir"])
    command = [sys.executable, "-c", "print(open('labels.csv').read())"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [[open("labels.csv").read(), here, printed] for _ in data]
"""

OWN_MODULES = {
    "handler.py": """
        import importlib

        import util
        from parts.rows import bodies
        from parts import words as w


        def handle(data, context):
            if data is None:
                return None
            import late
            again = importlib.import_module("late")
            again.SEEN.append(len(late.SEEN))
            named = __import__("parts.words", fromlist=["MARK"])
            return [[util.shout(each), w.MARK, late.NAME, late.SEEN, named.MARK]
                    for each in bodies(data)]
        """,
    "util.py": "def shout(text):\n    return text.upper()\n",
    "late.py": "NAME = __name__\nSEEN = []\n",
    "parts/__init__.py": "",
    "parts/words.py": "MARK = '!'\n",
    "parts/rows.py": """
        from . import words
        from .words import MARK


        def bodies(data):
            return [row["body"] + MARK for row in data]
        """,
}

ADDS_TO_PATH = {
    "handler.py": """
        import os
        import sys

        sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

        import hidden


        def handle(data, context):
            if data is None:
                return None
            from hidden_too import WORD
            return [hidden.WORD + WORD for _ in data]
        """,
    "lib/hidden.py": "WORD = 'found'\n",
    "lib/hidden_too.py": "WORD = ' twice'\n",
}

PICKLES = {
    "handler.py": """
        import io
        import pickle

        from shapes_of_mine import Box


        def handle(data, context):
            if data is None:
                return None
            packed = pickle.dumps(Box(3))
            return [[pickle.loads(packed).size, type(pickle.loads(packed)) is Box] for _ in data]
        """,
    "shapes_of_mine.py": """
        class Box:
            def __init__(self, size):
                self.size = size
        """,
}

SETS_ENVIRONMENT = """
import os

os.environ["CORPUS_SETTING"] = "set"
os.environ.setdefault("CORPUS_GIVEN", "not this")


def handle(data, context):
    if data is None:
        os.environ["CORPUS_STARTED"] = "yes"
        return None
    return [[os.getenv("CORPUS_SETTING"), os.environ["CORPUS_GIVEN"],
             os.environ.get("CORPUS_STARTED"), "CORPUS_SETTING" in os.environ] for _ in data]
"""

LOGS = """
import logging
import sys
import warnings

logger = logging.getLogger(__name__)


def handle(data, context):
    if data is None:
        return None
    logger.info("a line of the handler's")
    logging.debug("another")
    print("a printed line")
    print("another", file=sys.stderr)
    return [[__name__, __file__.rsplit("/", 1)[-1], logger.name] for _ in data]
"""


def cases() -> list[Case]:
    """What a handler finds around it, at its start and later."""
    files = {"labels.csv": "a,b", "nested/more.txt": "c"}
    one = [[text("a")]]
    late = {"handler.py": READS_FILES_LATE, **files}
    return [
        Case("places: files at the start", {"handler.py": READS_FILES_AT_START, **files}, one),
        Case("places: files late", late, one, options={"isolation": "process"}),
        Case("places: modules of its own", OWN_MODULES, one),
        Case("places: a folder added to the path", ADDS_TO_PATH, one),
        Case("places: pickles of its own classes", PICKLES, one),
        Case(
            "places: environment",
            {"handler.py": SETS_ENVIRONMENT},
            one,
            environment={"CORPUS_GIVEN": "given"},
        ),
        Case("places: logs and prints", {"handler.py": LOGS}, one),
    ]

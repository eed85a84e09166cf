"""Handlers in every shape that people give them."""

PLAIN_CLASS = """
class Shout(object):
    def __init__(self):
        self.initialized = False
        self.mark = None

    def initialize(self, context):
        self.mark = "!" * context.system_properties.get("batch_size")
        self.initialized = True

    def handle(self, data, context):
        return [row.get("data") or row.get("body") + self.mark for row in data]
"""

SUBCLASS = """
from ts.torch_handler.base_handler import BaseHandler


class Shout(BaseHandler):
    def __init__(self):
        super().__init__()
        self.initialized = False

    def initialize(self, context):
        self.manifest = context.manifest
        self.initialized = True

    def preprocess(self, data):
        return [row.get("data") or row.get("body") for row in data]

    def inference(self, data, *args, **kwargs):
        return [each.upper() for each in data]

    def postprocess(self, data):
        return [{"said": each, "ready": self.initialized} for each in data]
"""

SERVICE = """
_service = Shout()


def handle(data, context):
    if not _service.initialized:
        _service.initialize(context)
    if data is None:
        return None
    return _service.handle(data, context)
"""

FUNCTION = """
started = []


def entry(data, context):
    if data is None:
        started.append(context.model_name)
        return None
    return [started[0] + ":" + row["body"] for row in data]
"""

CALLABLE = """
class Shout:
    def __init__(self):
        self.calls = 0

    def __call__(self, data, context):
        self.calls += 1
        return None if data is None else [row["body"] * self.calls for row in data]


handle = Shout()
"""

NO_CONSTRUCTOR_ABOVE = """
from ts.torch_handler.base_handler import BaseHandler


class Shout(BaseHandler):
    def __init__(self):
        {above}
        self.intialized = False

    def initialize(self, context):
        self.intialized = True

    def preprocess(self, data):
        return [row["body"] for row in data]

    def inference(self, data):
        return data

    def postprocess(self, data):
        return [[each, self.intialized, self.context is not None] for each in data]
"""

SWAPPED = """
from ts.torch_handler.base_handler import BaseHandler


class Shout(BaseHandler):
    def initialize(self, ctx):
        self.ready = ctx.model_name

    def handle(self, context, data):
        return [row["body"] + str(data.get_request_id(0) in data.request_ids.values())
                for row in context]
"""

FACTORY = """
from ts.torch_handler.base_handler import BaseHandler


def make(mark):
    class Made(BaseHandler):
        def initialize(self, context):
            pass

        def handle(self, data, context):
            return [row["body"] + mark for row in data]

    return Made


Handler = make("?")
"""

MADE_BY_TYPE = """
def _handle(self, data, context):
    return [type(self).__name__ + row["body"] for row in data]


Handler = type("Named", (object,), {"initialize": lambda self, ctx: None, "handle": _handle})
"""

OWN_BASE = {
    "common.py": """
        from ts.torch_handler.base_handler import BaseHandler


        class Common(BaseHandler):
            def initialize(self, context):
                self.mark = "-" + self.sign

            def handle(self, data, context):
                return [row["body"] + self.mark for row in data]
        """,
    "handler.py": """
        from common import Common


        class Handler(Common):
            sign = "x"
        """,
}

SEVERAL = """
from dataclasses import dataclass
from enum import Enum

from ts.torch_handler.base_handler import BaseHandler


@dataclass
class Row:
    body: str


class Mark(Enum):
    LOUD = "!"


class Shout(BaseHandler):
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [Row(row["body"]).body + Mark.LOUD.value for row in data]
"""

STATIC = """
class Shout:
    @classmethod
    def initialize(cls, context):
        cls.mark = "#"

    @staticmethod
    def handle(data, context):
        return [row["body"] + Shout.mark for row in data]
"""

LATE_HANDLE = """
class Shout:
    def initialize(self, context):
        self.handle = self.loud

    def handle(self, data, context):
        return [row["body"] for row in data]

    def loud(self, data, context):
        return [row["body"] + "!" for row in data]
"""

EARLY_HANDLE = """
class Shout:
    def __init__(self):
        self.handle = self.loud

    def initialize(self, context):
        pass

    def loud(self, data, context):
        return [row["body"] + "!" for row in data]
"""

FUNCTION_BESIDE_CLASS = """
from ts.torch_handler.base_handler import BaseHandler


class Helper(BaseHandler):
    def initialize(self, context):
        raise RuntimeError("nobody asked for this one")


def handle(data, context):
    return None if data is None else [row["body"] + " by the function" for row in data]
"""

INHERITED_HANDLE = """
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.base_handler import BaseHandler as Unused


class Handler(BaseHandler, object):
    initialized = None

    def initialize(self, *args, **kwargs):
        (self.given,) = args

    def preprocess(self, requests):
        return [request["body"] for request in requests]

    def inference(self, model_input):
        return model_input

    def postprocess(self, inference_output):
        return [[each, self.given.model_name] for each in inference_output]
"""

LOADS_WHEN_FIRST_CALLED = """
class Lazy:
    def __init__(self):
        self.context = None

    def load(self, context):
        self.context = context


_service = Lazy()


def handle(data, context):
    if data is None:
        return
    if _service.context is None:
        _service.load(context)
    return [[row["body"], _service.context.model_name] for row in data]
"""

CALLS_BASE_HANDLE = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.batches = 0

    def preprocess(self, data):
        return [row["body"] for row in data]

    def inference(self, data, *args, **kwargs):
        return data

    def postprocess(self, data):
        return data

    def handle(self, data, context):
        self.batches += 1
        answers = super().handle(data, context)
        return [[self.batches, answer] for answer in answers]
"""

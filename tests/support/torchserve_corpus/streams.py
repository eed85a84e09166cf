"""Answers in pieces, and handlers that remember: sequences, caches, micro-batches."""

from torchserve_corpus.case import Case, text, value

SENDS_PIECES = """
{imports}


def handle(data, context):
    if data is None:
        return None
    for number in range(2):
        pieces = [row["body"][number] for row in data]
        {send}
    return [row["body"][2] for row in data]
"""
SEND = 'send_intermediate_predict_response(pieces, context.request_ids, "going on", 200, context)'

SAYS_TYPES = """
from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data, context):
    if data is None:
        return None
    for index in range(len(data)):
        context.set_response_content_type(index, "text/event-stream")
        context.set_response_header(index, "x-index", str(index))
    for word in ("a", "b"):
        send_intermediate_predict_response(
            [f"data: {word}\\n\\n" for _ in data], context.request_ids, "", 200, context
        )
    context.set_response_status(202, "done", 0)
    return ["data: end\\n\\n" for _ in data]
"""

BREAKS_OFF = """
from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data, context):
    if data is None:
        return None
    send_intermediate_predict_response(
        ["begun" for _ in data], context.request_ids, "", 200, context
    )
    raise ValueError("no more")
"""

GOES_ON = """
class Handler:
    def initialize(self, context):
        context.cache = {}

    def handle(self, data, context):
        answers = []
        for index, row in enumerate(data):
            key = context.get_request_id(index)
            if key not in context.cache:
                context.cache[key] = list(row["body"])
            answers.append(context.cache[key].pop(0))
        left = [len(context.cache[context.get_request_id(index)]) for index in range(len(data))]
        context.stopping_criteria = [lambda answer, more=more: not more for more in left]
        return answers
"""

GOES_ON_UNTIL_TOLD = """
class Handler:
    def initialize(self, context):
        context.cache = {}

    def handle(self, data, context):
        answers = []
        for index, row in enumerate(data):
            key = context.get_request_id(index)
            step = context.cache[key] = context.cache.get(key, 0) + 1
            answers.append([step, sorted(row), context.get_request_header(index, "x-limit")])
        context.stopping_criteria = {
            index: lambda answer, index=index: answer[0] >= int(answer[2])
            for index in range(len(data))
        }
        return answers
"""

UNDECIDED = """
class Handler:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        context.stopping_criteria = [lambda answer: None for _ in data]
        return [row["body"] for row in data]
"""

SEQUENCES = """
class Handler:
    def initialize(self, context):
        context.cache = {}

    def handle(self, data, context):
        answers = []
        for index, row in enumerate(data):
            sequence = context.get_sequence_id(index)
            if context.get_request_header(index, context.header_key_sequence_start):
                context.cache[sequence] = 0
            context.cache[sequence] = context.cache.get(sequence, 100) + row["body"]
            answers.append([sequence, context.cache[sequence]])
            if context.get_request_header(index, context.header_key_sequence_end):
                context.cache.pop(sequence)
        return answers
"""

MICRO_BATCHES = """
from ts.handler_utils.micro_batching import MicroBatching
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def __init__(self):
        super().__init__()
        self.handle = MicroBatching(self)

    def initialize(self, context):
        settings = context.model_yaml_config.get("micro_batching", {})
        self.handle.parallelism = settings.get("parallelism", {})
        self.handle.micro_batch_size = settings.get("micro_batch_size", 1)

    def preprocess(self, data):
        return [row["body"] for row in data]

    def inference(self, data):
        return [[each, len(data), self.handle.get_micro_batch_idx()] for each in data]

    def postprocess(self, data):
        return [[*each, sorted(self.handle.parallelism.items())] for each in data]
"""

MICRO_BATCHES_BY_HAND = """
from ts.handler_utils.micro_batching import MicroBatching


class Handler:
    context = None

    def __init__(self):
        self.batches = MicroBatching(self, 2, {"inference": 2})

    def initialize(self, context):
        pass

    def preprocess(self, data):
        return [row["body"] * 2 for row in data]

    def inference(self, data):
        return data

    def postprocess(self, data):
        return data

    def handle(self, data, context):
        answers = self.batches.handle(data)
        self.batches.shutdown()
        self.batches = MicroBatching(self, 2, {"inference": 2})
        return answers
"""


def _sequence(number: int, of: str, **headers: str) -> object:
    return value(number).having(ts_request_sequence_id=of, **headers)


def cases() -> list[Case]:
    """Pieces by each of TorchServe's ways; state by each of its ways."""
    three = [[value(["a", "b", "c"])], [value(["d", {"e": 1}, "f"]), value(["g", [1], None])]]
    utils = "from ts.handler_utils.utils import send_intermediate_predict_response"
    protocol = "from ts.protocol.otf_message_handler import send_intermediate_predict_response"
    continuous = "continuousBatching: true\nbatchSize: 4\n"
    return [
        Case(
            "streams: pieces", {"handler.py": SENDS_PIECES.format(imports=utils, send=SEND)}, three
        ),
        Case(
            "streams: pieces by the older name",
            {"handler.py": SENDS_PIECES.format(imports=protocol, send=SEND)},
            three,
        ),
        Case("streams: content types", {"handler.py": SAYS_TYPES}, [[text(""), text("")]]),
        Case("streams: broken off", {"handler.py": BREAKS_OFF}, [[text("")]]),
        Case(
            "streams: until the criterion says stop",
            {"handler.py": GOES_ON},
            [[value(["a", "b", "c"])], [value(["x"]), value(["y", "z"]), value([1, 2, 3])]],
            config=continuous,
        ),
        Case(
            "streams: criteria in a dict, by the answer",
            {"handler.py": GOES_ON_UNTIL_TOLD},
            [[text("").having(**{"x-limit": "3"}), text("").having(**{"x-limit": "1"})]],
            config=continuous,
        ),
        Case(
            "streams: an undecided criterion",
            {"handler.py": UNDECIDED},
            [[text("a"), text("b")]],
            config=continuous,
        ),
        Case(
            "states: sequences",
            {"handler.py": SEQUENCES},
            [
                [_sequence(1, "a", ts_request_sequence_start="true"), _sequence(2, "b")],
                [_sequence(3, "a"), _sequence(4, "b", ts_request_sequence_end="true")],
                [_sequence(5, "b"), _sequence(6, "a")],
            ],
            config="sequenceBatching: true\nbatchSize: 2\n",
        ),
        Case(
            "states: micro-batches",
            {"handler.py": MICRO_BATCHES},
            [[value(number) for number in range(5)], [value(9)]],
            config="micro_batching: {micro_batch_size: 2, parallelism: {preprocess: 2}}\n",
        ),
        Case(
            "states: micro-batches by default",
            {"handler.py": MICRO_BATCHES},
            [[value(1), value(2)]],
        ),
        Case(
            "states: micro-batches by hand",
            {"handler.py": MICRO_BATCHES_BY_HAND},
            [[value(number) for number in range(3)], [value(9)]],
        ),
    ]

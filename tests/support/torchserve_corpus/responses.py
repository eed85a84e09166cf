"""What a handler says about its response, request by request; and what it reads of its context."""

from torchserve_corpus.case import Case, text, value

SETS = """
def handle(data, context):
    if data is None:
        return None
    for index, row in enumerate(data):
        told = row["body"]
        if "type" in told:
            context.set_response_content_type(index, told["type"])
        if "status" in told:
            context.set_response_status(code=told["status"], phrase=told["phrase"], idx=index)
        for name, content in told.get("headers", {}).items():
            context.set_response_header(index, name, content)
        if "all" in told:
            context.set_all_response_status(told["all"], "everybody")
    return [row["body"]["answer"] for row in data]
"""

REPORTS = """
def handle(data, context):
    if data is None:
        return None
    for index, processor in enumerate(context.request_processor):
        processor.report_status(202 + index, "by itself")
        processor.add_response_property("x-index", str(index))
    return [
        {
            "status": context.get_response_status(index),
            "type": context.get_response_content_type(index),
            "headers": context.get_response_headers(index),
            "one": context.request_processor[index].get_response_header("x-index"),
            "code": context.request_processor[index].get_response_status_code(),
            "phrase": context.request_processor[index].get_response_status_phrase(),
        }
        for index in range(len(data))
    ]
"""

REPORTS_NUMBERS = """
def handle(data, context):
    if data is None:
        return None
    for index, processor in enumerate(context.request_processor):
        processor.report_status(404 + index)
    return [row["body"] for row in data]
"""

PRIVATE_NAMES = """
def handle(data, context):
    if data is None:
        return None
    return [
        [context._request_processor[index].get_request_property("x-tenant"),
         context._system_properties["server_name"], context._metrics is context.metrics]
        for index in range(len(data))
    ]
"""

FRESH = """
def handle(data, context):
    if data is None:
        return None
    before = [context.get_response_status(index) for index in range(len(data))]
    context.set_response_status(201, "made", 0)
    context.set_response_header(0, "x-made", "yes")
    return [list(each) for each in before]
"""

SHOWS_CONTEXT = """
import os


def handle(data, context):
    if data is None:
        context.cache = {"batches": 0}
        context.system_properties["mine"] = "kept"
        return None
    context.cache["batches"] += 1
    properties = dict(context.system_properties)
    folder = properties.pop("model_dir")
    known = ("gpu_id", "batch_size", "server_name", "server_version", "limit_max_image_pixels",
             "mine")
    return [
        {
            "name": context.model_name,
            "manifest": context.manifest["model"],
            "properties": {name: properties.get(name, "absent") for name in known},
            "labels": os.path.isfile(os.path.join(folder, "labels.txt")),
            "config": context.model_yaml_config,
            "batches": context.cache["batches"],
            "criteria": context.stopping_criteria,
            "sequence": context.get_sequence_id(0),
            "names": [context.header_key_sequence_id, context.header_key_sequence_start,
                      context.header_key_sequence_end],
        }
        for _ in data
    ]
"""

KEEPS_CONTEXT = """
class Handler:
    context = None

    def initialize(self, context):
        {keeps}

    def handle(self, data, context):
        if self.context is None:
            self.context = context
        for index in range(len(data)):
            self.context.set_response_status(201, "made", index)
            self.context.set_response_header(index, "x-index", str(index))
        return [
            [self.context.get_request_header(index, "x-tenant"), len(self.context.request_ids),
             self.context.get_request_id(index) == context.get_request_id(index)]
            for index in range(len(data))
        ]
"""

KEPT = {"the start": "self.context = context", "the first request": "pass"}

WRONG_INDEX = """
def handle(data, context):
    if data is None:
        return None
    context.set_response_status(400, "nobody", len(data))
    return [row["body"] for row in data]
"""

TOLD = {
    "a content type": {"answer": "<b/>", "type": "text/html"},
    "a status": {"answer": "made", "status": 201, "phrase": "Created"},
    "a status without an answer": {"answer": None, "status": 204, "phrase": "No Content"},
    "a header": {"answer": [1], "headers": {"x-model": "v2", "X-Model": "v3"}},
    "a header that is no ASCII": {"answer": [1], "headers": {"x-name": "Grüße"}},
    "a content type as a header": {"answer": {}, "headers": {"content-type": "application/json"}},
    "an error with a dict": {"answer": {"message": "no"}, "status": 404, "phrase": "Not Found"},
    "an error with text": {"answer": "no such cat", "status": 404, "phrase": ""},
    "an error without an answer": {"answer": None, "status": 400, "phrase": "Bad"},
    "an error of ours": {"answer": {"code": 7}, "status": 503, "phrase": "Busy"},
    "an unusual status": {"answer": "tea", "status": 418, "phrase": "I'm a teapot"},
}


def cases() -> list[Case]:
    """Each thing that can be said, alone and for one request of a batch."""
    files = {"handler.py": SETS}
    plain = {"answer": "plain"}
    shows = {"handler.py": SHOWS_CONTEXT, "labels.txt": "a\n"}
    return [
        *(Case(f"responses: {name}", files, [[value(told)]]) for name, told in TOLD.items()),
        Case(
            "responses: each request's own",
            files,
            [[value(plain), *map(value, TOLD.values()), value(plain)]],
        ),
        Case(
            "responses: a status for all",
            files,
            [
                [
                    value(plain),
                    value({**plain, "all": 202}),
                    value({**plain, "status": 203, "phrase": "x"}),
                ]
            ],
        ),
        Case("responses: an error for all", files, [[value(plain), value({**plain, "all": 500})]]),
        Case("responses: through the processors", {"handler.py": REPORTS}, [[text(""), text("")]]),
        Case(
            "responses: a status without a phrase",
            {"handler.py": REPORTS_NUMBERS},
            [[text("a"), text("b")]],
        ),
        Case("responses: each batch's own", {"handler.py": FRESH}, [[text("")], [text("")]]),
        Case(
            "responses: of a request that is not there", {"handler.py": WRONG_INDEX}, [[text("a")]]
        ),
        Case(
            "context: its private names",
            {"handler.py": PRIVATE_NAMES},
            [[text("").having(**{"x-tenant": tenant}) for tenant in "ab"]],
        ),
        *(
            Case(
                f"context: kept from {when}",
                {"handler.py": KEEPS_CONTEXT.format(keeps=keeps)},
                [
                    [text("").having(**{"x-tenant": "a"})],
                    [text("").having(**{"x-tenant": tenant}) for tenant in "bc"],
                ],
            )
            for when, keeps in KEPT.items()
        ),
        Case(
            "context: what it tells",
            shows,
            [[text("")], [text("").having(ts_request_sequence_id="s1")]],
            config="batchSize: 1\nhandler:\n  factor: 2\nmine: [1, a]\n",
        ),
        Case("context: without a config", shows, [[text("")]]),
        Case(
            "context: names of the sequence headers",
            shows,
            [[text("").having(sequence="s2")]],
            environment={"TS_REQUEST_SEQUENCE_ID": "sequence"},
        ),
    ]

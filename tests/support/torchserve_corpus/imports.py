"""The names under which handlers import TorchServe's modules, and what they find there."""

from torchserve_corpus.case import Case, text

HANDLE = """

def handle(data, context):
    return None if data is None else [shown(context) for _ in data]
"""

IMPORTS = {
    "base handler": """
from ts.torch_handler.base_handler import (
    BaseHandler,
    list_classes_from_module,
    load_label_mapping,
)


def shown(context):
    return [BaseHandler.__name__, callable(load_label_mapping), callable(list_classes_from_module)]
""",
    "attribute style": """
import ts
import ts.context
import ts.torch_handler.base_handler as base
from ts import context as ts_context
from ts.torch_handler import base_handler


def shown(context):
    return [ts.context is ts_context, base is base_handler,
            isinstance(context, ts.context.Context)]
""",
    "context": """
from ts.context import Context, RequestProcessor


def shown(context):
    return [isinstance(context, Context),
            all(isinstance(each, RequestProcessor) for each in context.request_processor),
            RequestProcessor({"a": "b"}).get_request_property("a")]
""",
    "context, by position": """
from ts.context import Context, RequestProcessor


def shown(_):
    made = Context("net", "/tmp", {"model": {}}, 4, None, "1.0", True, None, {"a": 1})
    made.request_ids = {0: "x"}
    made.request_processor = [RequestProcessor({"h": "v"})]
    made.set_response_content_type(0, "text/plain")
    return [made.model_name, made.system_properties, made.get_request_id(),
            made.get_request_header(0, "h"), made.get_response_content_type(0),
            made.model_yaml_config, made.metrics, made.manifest,
            made.get_response_status(0), made.get_sequence_id(0)]
""",
    "vision": """
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.image_classifier import ImageClassifier
from ts.torch_handler.vision_handler import VisionHandler


def shown(context):
    return [issubclass(ImageClassifier, VisionHandler), issubclass(VisionHandler, BaseHandler),
            ImageClassifier.topk, hasattr(ImageClassifier, "image_processing")]
""",
    "detection": """
from ts.torch_handler.object_detector import ObjectDetector


def shown(context):
    return [ObjectDetector.threshold, hasattr(ObjectDetector, "image_processing")]
""",
    "segmentation": """
from ts.torch_handler.image_segmenter import ImageSegmenter


def shown(context):
    return [hasattr(ImageSegmenter, "image_processing")]
""",
    "text": """
from ts.torch_handler.text_classifier import TextClassifier
from ts.torch_handler.text_handler import TextHandler


def shown(context):
    return [issubclass(TextClassifier, TextHandler), TextClassifier.ngrams]
""",
    "densenet": """
from ts.torch_handler.densenet_handler import DenseNetHandler


def shown(context):
    return [DenseNetHandler.__name__, hasattr(DenseNetHandler, "inference")]
""",
    "util": """
from ts.utils.util import (
    CLEANUP_REGEX,
    PredictionException,
    check_valid_pt2_backend,
    list_classes_from_module,
    load_label_mapping,
    map_class_to_label,
)


def shown(context):
    return [CLEANUP_REGEX.sub("", "<b>a</b>&nbsp;&#39;b"), check_valid_pt2_backend("inductor"),
            check_valid_pt2_backend("nothing"), load_label_mapping("not there"),
            map_class_to_label([[0.5, 0.25]], {"3": "c", "1": "a"}, [[3, 1]]),
            map_class_to_label([[0.5, 0.25]]), str(PredictionException("m", 3))]
""",
    "timer": """
from ts.handler_utils.timer import timed


class Timed:
    context = None

    @timed
    def double(self, number, plus=0):
        return number * 2 + plus


def shown(context):
    return Timed().double(4, plus=1)
""",
    "metrics": """
from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.metrics.metric_type_enum import MetricTypes
from ts.metrics.metrics_store import MetricsStore
from ts.metrics.unit import Units


def shown(context):
    return [str(Dimension("a", "b")), [each.value for each in MetricTypes]]
""",
    "handler utilities": """
from ts.handler_utils.micro_batching import MicroBatching
from ts.handler_utils.utils import import_class, send_intermediate_predict_response


def shown(context):
    return [import_class("collections.OrderedDict").__name__,
            import_class("OrderedDict", "collections").__name__, MicroBatching.__name__]
""",
    "protocol": """
from ts.protocol.otf_message_handler import create_predict_response


def shown(context):
    frames = [create_predict_response(["a"], {0: "x"}, "fine", 200),
              create_predict_response([{"a": 1}], {0: "x"}, "fine", 200, context),
              create_predict_response(None, {0: "x", 1: "y"}, "bad", 503)]
    return [bytes(frame).hex() for frame in frames]
""",
    "version": """
import ts
import ts.version


def shown(context):
    return [ts.version.__version__, ts.__version__]
""",
    "model loader": """
import os

from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.model_loader import ModelLoaderFactory


def shown(context):
    folder = context.system_properties["model_dir"]
    metrics = MetricsCacheYamlImpl(os.path.join(folder, "metrics.yaml"))
    metrics.initialize_cache()
    metrics.model_name = context.model_name
    loader = ModelLoaderFactory.get_model_loader()
    one = loader.load("one", folder, "inner.py", None, 1, None, True, metrics)
    two = loader.load(model_name="two", model_dir=folder, handler="inner.py", gpu_id=None,
                      batch_size=4, envelope="body", metrics_cache=metrics)
    sent = {"requestId": b"r", "headers": [],
            "parameters": [{"name": "body", "contentType": "text/plain", "value": "a"}]}
    shown = []
    for each in (one, two):
        each.set_cl_socket(None)
        properties = each.context.system_properties
        shown.append([each.context.model_name, properties["batch_size"],
                      bytes(each.predict([sent])).hex()])
    return shown
""",
    "service": """
from ts.service import Service


def shown(context):
    sent = {"requestId": b"r", "headers": [{"name": b"h", "value": b"v"}],
            "parameters": [{"name": "body", "contentType": "text/plain", "value": "a"}]}
    headers, rows, ids = Service.retrieve_data_for_inference([sent])
    return [headers[0].get_request_properties(), rows, ids]
""",
    "envelopes": """
from ts.torch_handler.request_envelope.base import BaseEnvelope
from ts.torch_handler.request_envelope.body import BodyEnvelope
from ts.torch_handler.request_envelope.json import JSONEnvelope
from ts.torch_handler.request_envelope.kserve import KServeEnvelope
from ts.torch_handler.request_envelope.kservev2 import KServev2Envelope


def shown(context):
    kinds = (BodyEnvelope, JSONEnvelope, KServeEnvelope, KServev2Envelope)
    body = BodyEnvelope(lambda rows, given: rows)
    return [[issubclass(each, BaseEnvelope) for each in kinds], body.handle([{"body": 1}], None)]
""",
    "the mock context": """
from ts.torch_handler.unit_tests.test_utils.mock_context import MockContext


def shown(context):
    made = MockContext(model_pt_file=None, model_dir="here", model_file="m.py")
    properties = made.system_properties
    return [made.manifest["model"]["modelFile"], properties.get("model_dir"),
            properties.get("gpu_id"), "serializedFile" in made.manifest["model"],
            made.model_yaml_config, made.explain, bool(made.get_request_header(0, "explain"))]
""",
}

INNER = """
def handle(data, context):
    return None if data is None else [[context.model_name, each] for each in data]
"""


METRICS = "model_metrics: {counter: [{name: Rows, unit: count, dimensions: []}]}"
FILES = {"inner.py": INNER, "metrics.yaml": METRICS}


def cases() -> list[Case]:
    """One case for each group of names."""
    return [
        Case(f"imports: {name}", {"handler.py": code + HANDLE, **FILES}, [[text("a")]])
        for name, code in IMPORTS.items()
    ]

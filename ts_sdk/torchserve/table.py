"""The table of TorchServe's old import names: which there are, and where ours is.

Read an entry as import statements: ``"ts_sdk.context": "Context"`` stands for
``from ts_sdk.context import Context``. What a module of TorchServe 0.12 re-exports, or imports for
itself, is listed too: handlers import it from there, or get it by ``import *``.
"""

from collections.abc import Mapping
from typing import Final

IMPORT: Final = "import"
"""Whole modules: ``import os, numpy as np``."""
LOGGER: Final = "logging.getLogger"
"""The logger that has the old module's name."""
OFFERED: Final = "entry point"
"""From the module that an installed package offers under the old module's name."""

_BASE = "ts.torch_handler.base_handler"
_VISION = "ts.torch_handler.vision_handler"
_ENVELOPES = "ts.torch_handler.request_envelope"
_BASE_ENVELOPE = f"{_ENVELOPES}.base"
_UTIL = "ts.utils.util"
_OURS = "ts_sdk.torchserve"
_BY_KSERVE = {_BASE_ENVELOPE: "BaseEnvelope", IMPORT: "json, logging", LOGGER: "logger"}
_BY_KSERVE_V2 = {**_BY_KSERVE, IMPORT: "json, logging, numpy as np"}

TABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "ts": {"ts_sdk.context": "SERVER_VERSION as __version__"},
    "ts.version": {
        "ts_sdk.context": "SERVER_VERSION as __version__",
        "pathlib": "Path",
        IMPORT: "os",
    },
    "ts.context": {
        "ts_sdk.context": "Context, RequestProcessor",
        "typing": "Dict, Optional, Tuple",
        IMPORT: "os",
    },
    "ts.service": {
        f"{_OURS}.service": "Service, PREDICTION_METRIC, emit_metrics",
        "ts.context": "Context, RequestProcessor",
        "ts.protocol.otf_message_handler": "create_predict_response",
        _UTIL: "PredictionException, get_yaml_config",
        "builtins": "str",
        IMPORT: "logging, os, time, ts",
        LOGGER: "logger",
    },
    "ts.model_loader": {
        f"{_OURS}.model_loader": "ModelLoader, ModelLoaderFactory, TsModelLoader",
        "ts.metrics.metric_cache_yaml_impl": "MetricsCacheYamlImpl",
        "ts.service": "Service",
        _UTIL: "list_classes_from_module",
        "abc": "ABCMeta, abstractmethod",
        "builtins": "str",
        "typing": "Optional",
        IMPORT: "importlib, json, logging, os, uuid",
    },
    "ts.model_service": {},
    "ts.model_service.model_service": {
        f"{_OURS}.model_service": "ModelService, SingleNodeService",
        "abc": "ABCMeta, abstractmethod",
        IMPORT: "ast, json, logging, os, time",
    },
    "ts.handler_utils": {},
    "ts.handler_utils.hf_batch_streamer": {
        "ts_sdk.text_streaming": "TextIteratorStreamerBatch",
        "transformers": "AutoTokenizer",
        "transformers.generation.streamers": "BaseStreamer, TextIteratorStreamer",
        "typing": "Optional",
    },
    "ts.handler_utils.micro_batching": {
        "ts_sdk.micro_batching": "MicroBatching, HANDLER_METHODS",
        f"{_OURS}.constants": "PROFILER_AVAILABLE",
        "copy": "copy",
        "dataclasses": "dataclass",
        "typing": "Dict",
        IMPORT: "os, queue, threading, time",
    },
    "ts.handler_utils.text_utils": {OFFERED: "get_tokenizer, ngrams_iterator", IMPORT: "re"},
    "ts.handler_utils.timer": {"ts_sdk.timing": "timed", IMPORT: "time, torch"},
    "ts.handler_utils.utils": {
        f"{_OURS}.classes": "import_class",
        f"{_OURS}.frames": "send_intermediate_predict_response",
        "ts.context": "Context",
        "ts.protocol.otf_message_handler": "create_predict_response",
        IMPORT: "importlib, os",
    },
    "ts.metrics": {},
    "ts.metrics.caching_metric": {
        "ts_sdk.metrics": "CachingMetric",
        "ts.metrics.dimension": "Dimension",
        "ts.metrics.metric_abstract": "MetricAbstract",
        "ts.metrics.metric_type_enum": "MetricTypes",
        IMPORT: "logging, socket, time",
        LOGGER: "logger",
    },
    "ts.metrics.dimension": {"ts_sdk.metrics": "Dimension"},
    "ts.metrics.metric": {
        "ts_sdk.metrics.metric": "Metric",
        "ts.metrics.caching_metric": "CachingMetric",
        "ts.metrics.metric_abstract": "MetricUnit",
        "ts.metrics.metric_type_enum": "MetricTypes",
        "ts.metrics.unit": "Units",
        "builtins": "str",
        "collections": "OrderedDict",
        IMPORT: "socket, time",
    },
    "ts.metrics.metric_abstract": {
        "ts_sdk.metrics": "CachingMetric as MetricAbstract",
        f"{_OURS}.constants": "METRIC_UNIT as MetricUnit",
        "ts.metrics.metric_type_enum": "MetricTypes",
        "ts.metrics.unit": "Units",
        IMPORT: "abc",
    },
    "ts.metrics.metric_cache_abstract": {
        "ts_sdk.metrics": "Metrics as MetricCacheAbstract",
        "ts.metrics.dimension": "Dimension",
        "ts.metrics.metric_abstract": "MetricAbstract",
        "ts.metrics.metric_type_enum": "MetricTypes",
        IMPORT: "abc, os, ts.metrics.metric_cache_errors as merrors",
    },
    "ts.metrics.metric_cache_errors": {
        "ts_sdk.metrics": (
            "MetricError as GeneralMetricsCacheError, MetricFileError as MetricsCacheIOError, "
            "MetricKeyError as MetricsCacheKeyError, MetricTypeError as MetricsCacheTypeError, "
            "MetricValueError as MetricsCacheValueError"
        ),
        "ts_sdk.metrics.yaml_error": "MetricYamlError as MetricsCachePyYamlError",
        IMPORT: "yaml",
    },
    "ts.metrics.metric_cache_yaml_impl": {
        "ts_sdk.metrics.yaml_cache": "MetricsCacheYamlImpl",
        "ts.metrics.caching_metric": "CachingMetric",
        "ts.metrics.metric_cache_abstract": "MetricCacheAbstract",
        "ts.metrics.metric_type_enum": "MetricTypes",
        IMPORT: "logging, ts.metrics.metric_cache_errors as merrors, yaml",
        LOGGER: "logger",
    },
    "ts.metrics.metric_encoder": {
        "ts_sdk.metrics.metric": "MetricEncoder",
        "ts.metrics.dimension": "Dimension",
        "ts.metrics.metric": "Metric",
        "json": "JSONEncoder",
        IMPORT: "json",
    },
    "ts.metrics.metric_type_enum": {"ts_sdk.metrics": "MetricTypes", IMPORT: "enum"},
    "ts.metrics.metrics_store": {
        "ts_sdk.metrics.metrics_store": "MetricsStore",
        "ts.metrics.dimension": "Dimension",
        "ts.metrics.metric": "Metric",
        "builtins": "str",
    },
    "ts.metrics.unit": {"ts_sdk.metrics.units": "Units"},
    "ts.protocol": {},
    "ts.protocol.otf_message_handler": {
        f"{_OURS}.frames": (
            "END_OF_LIST, RESPONSE, create_load_model_response, create_predict_response, "
            "encode_response_headers"
        ),
        f"{_OURS}.messages": (
            "BOOL_SIZE as bool_size, INT_SIZE as int_size, LOAD as LOAD_MSG, "
            "PREDICT as PREDICT_MSG, retrieve_msg"
        ),
        "ts.handler_utils.utils": "send_intermediate_predict_response",
        _UTIL: "deprecated",
        "builtins": "bytearray, bytes",
        IMPORT: "io, json, logging, os, struct, sys, time, torch",
    },
    "ts.torch_handler": {},
    _BASE: {
        "ts_sdk.handler": "BaseHandler",
        f"{_OURS}.constants": (
            "IPEX_AVAILABLE, ONNX_AVAILABLE, PROFILER_AVAILABLE, PT2_AVAILABLE, PT230_AVAILABLE, "
            "XLA_AVAILABLE"
        ),
        f"{_OURS}.onnx_session": "setup_ort_session",
        "ts.handler_utils.timer": "timed",
        # Releases before 0.9 imported map_class_to_label here too.
        _UTIL: (
            "check_valid_pt2_backend, list_classes_from_module, load_label_mapping, "
            "map_class_to_label"
        ),
        "torch.profiler": "ProfilerActivity, profile, record_function",
        IMPORT: ("abc, importlib, logging, onnxruntime as ort, os, packaging, psutil, time, torch"),
        LOGGER: "logger",
    },
    "ts.torch_handler.contractions": {OFFERED: "CONTRACTION_MAP, CONTRACTIONS_PATTERN"},
    "ts.torch_handler.densenet_handler": {
        OFFERED: "DenseNetHandler",
        _UTIL: "list_classes_from_module",
        IMPORT: "importlib, inspect, io, logging, os, time, torch",
        LOGGER: "logger",
    },
    "ts.torch_handler.image_classifier": {
        OFFERED: "ImageClassifier",
        _VISION: "VisionHandler",
        "ts.handler_utils.timer": "timed",
        _UTIL: "map_class_to_label",
        IMPORT: "torch, torch.nn.functional as F, torchvision.transforms as transforms",
    },
    "ts.torch_handler.image_segmenter": {
        OFFERED: "ImageSegmenter",
        _VISION: "VisionHandler",
        IMPORT: "torch, torchvision.transforms as T",
    },
    "ts.torch_handler.object_detector": {
        OFFERED: "ObjectDetector",
        _VISION: "VisionHandler",
        _UTIL: "map_class_to_label",
        "torchvision": "__version__ as torchvision_version",
        IMPORT: "packaging.version as version, torch, torchvision.transforms as transforms",
    },
    _ENVELOPES: {},
    _BASE_ENVELOPE: {"ts_sdk.envelopes": "BaseEnvelope", "abc": "ABC, abstractmethod"},
    f"{_ENVELOPES}.body": {"ts_sdk.envelopes": "BodyEnvelope", _BASE_ENVELOPE: "BaseEnvelope"},
    f"{_ENVELOPES}.json": {
        "ts_sdk.envelopes": "JSONEnvelope",
        _BASE_ENVELOPE: "BaseEnvelope",
        "base64": "b64decode",
        "itertools": "chain",
        IMPORT: "json",
    },
    f"{_ENVELOPES}.kserve": {"ts_sdk.envelopes": "KServeEnvelope", **_BY_KSERVE},
    f"{_ENVELOPES}.kservev2": {"ts_sdk.envelopes": "KServev2Envelope", **_BY_KSERVE_V2},
    # What the two were called before release 0.6:
    f"{_ENVELOPES}.kfserving": {
        "ts_sdk.envelopes": "KServeEnvelope as KFservingEnvelope",
        **_BY_KSERVE,
    },
    f"{_ENVELOPES}.kfservingv2": {
        "ts_sdk.envelopes": "KServev2Envelope as KFservingv2Envelope",
        **_BY_KSERVE_V2,
    },
    "ts.torch_handler.text_classifier": {
        OFFERED: "TextClassifier",
        "ts.torch_handler.text_handler": "TextHandler",
        "ts.handler_utils.text_utils": "ngrams_iterator",
        _UTIL: "map_class_to_label",
        "captum.attr": "TokenReferenceBase",
        IMPORT: "logging, torch, torch.nn.functional as F",
        LOGGER: "logger",
    },
    "ts.torch_handler.text_handler": {
        OFFERED: "TextHandler",
        _BASE: "BaseHandler",
        "ts.torch_handler.contractions": "CONTRACTION_MAP, CONTRACTIONS_PATTERN",
        "ts.handler_utils.text_utils": "get_tokenizer",
        _UTIL: "CLEANUP_REGEX",
        "abc": "ABC",
        "captum.attr": "LayerIntegratedGradients",
        IMPORT: "logging, os, re, string, torch, torch.nn.functional as F, unicodedata",
        LOGGER: "logger",
    },
    "ts.torch_handler.unit_tests": {},
    "ts.torch_handler.unit_tests.test_utils": {},
    "ts.torch_handler.unit_tests.test_utils.mock_context": {
        f"{_OURS}.mock_context": "MockContext",
        "ts.metrics.metrics_store": "MetricsStore",
        _UTIL: "get_yaml_config",
        IMPORT: "os, torch, uuid",
    },
    "ts.torch_handler.unit_tests.test_utils.model_dir": {
        f"{_OURS}.model_files": "copy_files",
        "pathlib": "Path",
        "typing": "Dict",
        "urllib.parse": "urlparse",
        IMPORT: "shutil, urllib.request as request",
    },
    _VISION: {
        OFFERED: "VisionHandler",
        _BASE: "BaseHandler",
        "ts.handler_utils.timer": "timed",
        "abc": "ABC",
        "captum.attr": "IntegratedGradients",
        IMPORT: "base64, io, PIL.Image as Image, torch",
    },
    "ts.utils": {},
    "ts.utils.timeit_decorator": {
        f"{_OURS}.decorators": "timeit",
        "functools": "wraps",
        IMPORT: "time",
    },
    _UTIL: {
        f"{_OURS}.backends": "PT2Backend, check_valid_pt2_backend",
        f"{_OURS}.classes": "list_classes_from_module",
        f"{_OURS}.constants": "CLEANUP_REGEX",
        f"{_OURS}.decorators": "deprecated",
        f"{_OURS}.labels": "load_label_mapping, map_class_to_label",
        f"{_OURS}.model_files": "get_yaml_config",
        f"{_OURS}.prediction_exception": "PredictionException",
        "functools": "wraps",
        "warnings": "warn",
        IMPORT: "enum, inspect, itertools, json, logging, os, re, yaml",
        LOGGER: "logger",
    },
}

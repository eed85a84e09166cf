"""The small functions and classes that TorchServe's handlers import."""

import importlib.util
import logging
import pickle
import types

import pytest

import ts_sdk
from ts_sdk.torchserve import backends, classes, constants, decorators, labels, model_files
from ts_sdk.torchserve.model_service import ModelService, SingleNodeService
from ts_sdk.torchserve.onnx_session import setup_ort_session
from ts_sdk.torchserve.prediction_exception import PredictionException


class TestPredictionException:
    def test_it_carries_message_and_status(self):
        error = PredictionException("no cat", 422)
        assert (error.message, error.error_code, error.status) == ("no cat", 422, 422)
        assert str(error) == "no cat : 422"
        assert error.args == ("no cat",)

    def test_the_status_is_500_where_none_is_given(self):
        assert PredictionException("no cat").error_code == 500

    def test_it_is_what_becomes_of_a_request(self):
        assert isinstance(PredictionException("no cat"), ts_sdk.RequestError)

    def test_the_status_can_be_set_by_either_name(self):
        error = PredictionException("no cat")
        error.error_code = 404
        assert error.status == 404

    def test_it_can_be_pickled(self):
        copy = pickle.loads(pickle.dumps(PredictionException("no cat", 422)))  # noqa: S301 - our own
        assert (copy.message, copy.error_code) == ("no cat", 422)


class TestLabels:
    def test_a_file_of_names_is_read(self, tmp_path):
        file = tmp_path / "names.json"
        file.write_text('{"0": "cat", "1": ["n1", "dog"]}')
        assert labels.load_label_mapping(str(file)) == {"0": "cat", "1": "dog"}

    def test_a_file_that_is_not_there_is_none_with_a_warning(self, tmp_path, caplog):
        assert labels.load_label_mapping(tmp_path / "none.json") is None
        assert "there is no" in caplog.text
        assert "none.json" in caplog.text

    def test_a_file_of_another_shape_is_refused_by_its_name(self, tmp_path):
        file = tmp_path / "names.json"
        file.write_text("[1]")
        with pytest.raises(ts_sdk.ConfigError, match=r"names\.json must hold"):
            labels.load_label_mapping(file)

    def test_probabilities_are_named(self):
        named = labels.map_class_to_label([[0.9, 0.1]], {"0": "cat", "1": "dog"})
        assert named == [{"cat": 0.9, "dog": 0.1}]

    def test_those_of_chosen_classes_too(self):
        named = labels.map_class_to_label(
            probs=[[0.9, 0.1], [0.7, 0.3]], mapping={"7": "cat"}, lbl_classes=[[7, 2], [2, 7]]
        )
        assert named == [{"cat": 0.9, "2": 0.1}, {"2": 0.7, "cat": 0.3}]

    def test_without_names_classes_have_their_numbers(self):
        assert labels.map_class_to_label([[0.9, 0.1]]) == [{"0": 0.9, "1": 0.1}]

    def test_a_tensor_is_refused_with_advice(self):
        import torch

        with pytest.raises(TypeError, match=r"call tolist\(\) on it"):
            labels.map_class_to_label(torch.zeros(1, 2))
        with pytest.raises(TypeError, match="not a list"):
            labels.map_class_to_label([[1.0]], ["cat"])


class TestClasses:
    @pytest.fixture
    def module(self):
        module = types.ModuleType("some_module")
        base = type("Base", (), {"__module__": "some_module"})
        vars(module).update(
            Base=base,
            A=type("A", (base,), {"__module__": "some_module"}),
            Imported=type("Imported", (base,), {"__module__": "elsewhere"}),
            number=1,
        )
        return module

    def test_those_that_a_module_defines_are_listed(self, module):
        assert classes.list_classes_from_module(module) == [module.A, module.Base]

    def test_those_of_a_kind_are_listed(self, module):
        other = types.ModuleType("some_module")
        other.A, other.B = module.A, type("B", (), {"__module__": "some_module"})
        assert classes.list_classes_from_module(other, module.Base) == [module.A]

    def test_one_is_imported_by_name(self):
        from collections import OrderedDict
        from email.message import Message

        assert classes.import_class("collections.OrderedDict") is OrderedDict
        assert classes.import_class("OrderedDict", "collections") is OrderedDict
        assert classes.import_class("message.Message", module_prefix="email") is Message

    @pytest.mark.parametrize("name", ["", "OrderedDict", None])
    def test_a_name_without_module_is_refused(self, name):
        with pytest.raises(ImportError, match=r"named as module\.Class"):
            classes.import_class(name)

    def test_a_class_that_is_not_there_is_named(self):
        with pytest.raises(ImportError, match="'collections' has no class 'Nothing'"):
            classes.import_class("collections.Nothing")

    def test_a_module_of_the_archive_is_found(self, code_of):
        code = code_of(
            {
                "handler.py": """
                    from ts.handler_utils.utils import import_class
                    def answer(): return import_class("streams.Streamer").who
                """,
                "streams.py": "class Streamer: who = 'mine'",
            }
        )
        with code.running():
            assert code.import_file("handler.py").answer() == "mine"


class TestDecorators:
    def test_a_deprecated_function_warns_and_works(self):
        @decorators.deprecated(version=1.0, replacement="ts.new")
        def old(x):
            """What it does."""
            return x + 1

        with pytest.warns(
            PendingDeprecationWarning, match=r"old is deprecated .*1\.0; use ts\.new"
        ):
            assert old(1) == 2
        assert old.__doc__ == "What it does."

    def test_the_kind_of_warning_can_be_chosen(self):
        @decorators.deprecated("2", klass=FutureWarning)
        def old():
            pass

        with pytest.warns(FutureWarning, match="old is deprecated since 2$"):
            old()

    def test_the_time_of_a_call_is_logged(self, caplog):
        caplog.set_level(logging.INFO)
        assert decorators.timeit(len)([1, 2]) == 2
        assert "len took" in caplog.text


class TestBackends:
    def test_those_that_torchserve_knows_are_valid(self):
        assert backends.check_valid_pt2_backend("ipex")
        assert backends.PT2Backend("inductor") is backends.PT2Backend.INDUCTOR

    def test_those_that_only_torch_knows_are_valid(self):
        assert backends.check_valid_pt2_backend("cudagraphs")

    def test_others_are_not_and_a_warning_names_those_that_are(self, caplog):
        assert not backends.check_valid_pt2_backend("inducter")
        assert "no backend 'inducter'" in caplog.text
        assert "inductor" in caplog.text


class TestFiles:
    def test_a_config_is_read(self, tmp_path):
        (tmp_path / "config.yaml").write_text("handler: {x: 1}")
        assert model_files.get_yaml_config(tmp_path / "config.yaml") == {"handler": {"x": 1}}

    def test_files_are_copied(self, tmp_path):
        (tmp_path / "a.txt").write_text("cat")
        (tmp_path / "there").mkdir()
        model_files.copy_files(tmp_path, tmp_path / "there", {"a.txt": "b.txt"})
        assert (tmp_path / "there/b.txt").read_text() == "cat"


class TestConstants:
    @pytest.mark.parametrize("text", ["<b>", "&amp;", "&#39;", "&#x27;"])
    def test_tags_and_entities_are_found(self, text):
        assert constants.CLEANUP_REGEX.sub("", f"a{text}b") == "ab"

    def test_onnx_is_available_where_its_runtime_is_installed(self):
        installed = importlib.util.find_spec("onnxruntime") is not None
        assert constants.ONNX_AVAILABLE is installed
        assert not hasattr(constants, "NO_SUCH_THING")


def test_an_onnx_session_runs_a_model(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [value("x", onnx.TensorProto.FLOAT, [1])],
        [value("y", onnx.TensorProto.FLOAT, [1])],
    )
    onnx.save(onnx.helper.make_model(graph, ir_version=8), tmp_path / "model.onnx")
    session = setup_ort_session(tmp_path / "model.onnx", "cpu")
    import numpy as np

    assert session.run(None, {"x": np.ones(1, np.float32)})[0].tolist() == [2.0]


class TestServicesOfMultiModelServer:
    SIGNATURE = '{"input_type": "application/json", "inputs": [{"data_name": "text"}]}'

    @pytest.fixture
    def context(self, tmp_path):
        (tmp_path / "signature.json").write_text(self.SIGNATURE)
        manifest = {"Model": {"Signature": "signature.json"}}
        return ts_sdk.Context("cat", str(tmp_path), manifest, 1, None, "0.12.0")

    def test_three_steps_answer_the_value_that_the_signature_names(self, context):
        class Service(SingleNodeService):
            def _preprocess(self, data):
                return data[0]["x"]

            def _inference(self, data):
                return data + 1

        service = Service("cat", "/cat", None, gpu=None)
        service.initialize(context)
        assert service.handle([{"text": b"{'x': 1}"}], context) == [2]
        assert service.handle([{"body": {"x": 2}}], context) == [3]
        assert service.signature()["input_type"] == "application/json"
        assert service.ping() is None

    def test_a_list_is_the_answers(self, context):
        class Service(ModelService):
            def inference(self, data):
                return [*data, "more"]

        service = Service()
        service.initialize(context)
        assert service.handle([{"data": "x"}], context) == ["x", "more"]

    def test_without_inference_the_service_says_what_to_override(self, context):
        service = ModelService()
        service.initialize(context)
        with pytest.raises(NotImplementedError, match=r"must override inference\(data\)"):
            service.handle([{"data": "x"}], context)

    def test_an_archive_of_torchserve_has_no_signature(self):
        context = ts_sdk.Context("cat", "/cat", {"model": {}}, 1, None, "0.12.0")
        with pytest.raises(ts_sdk.ConfigError, match="needs a signature file"):
            SingleNodeService().initialize(context)

    def test_a_signature_that_cannot_be_read_is_named(self, context, tmp_path):
        (tmp_path / "signature.json").write_text("{")
        with pytest.raises(ts_sdk.ConfigError, match=r"signature file signature\.json cannot"):
            SingleNodeService().initialize(context)

    def test_a_handler_subclasses_it_by_its_old_name(self, load_folder):
        model = load_folder(
            {
                "handler.py": """
                    from ts.model_service.model_service import SingleNodeService
                    class Service(SingleNodeService):
                        def initialize(self, context): pass
                        def _inference(self, data): return [row["body"] * 2 for row in data]
                        def handle(self, data, context): return self.inference(data)
                """
            }
        )
        assert model.predict("ab") == "abab"

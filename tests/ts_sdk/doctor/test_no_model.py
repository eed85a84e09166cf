"""Archives that name no model, where the library's own code is to load one."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = "from ts.torch_handler.base_handler import BaseHandler\nclass A(BaseHandler):\n"


@pytest.mark.parametrize(
    "methods",
    [
        "    pass\n",
        "    def initialize(self, context):\n        super().initialize(context)\n",
        "    def initialize(self, c):\n        with x: BaseHandler.initialize(self, c)\n",
        """
    def initialize(self, context):
        if self.initialized:
            return
        super().initialize(context)
""",
    ],
)
def test_a_handler_whose_base_loads_the_model_needs_one(found, methods):
    (finding,) = found("no-model", {"handler.py": HANDLER + methods})

    assert finding.severity is Severity.BLOCKS
    assert "--serialized-file" in finding.fix


@pytest.mark.parametrize(
    "methods",
    [
        "    def initialize(self, context):\n        self.model = print\n",
        "    def _load_model(self, folder):\n        return print\n",
        "    def _load_folder(self, folder):\n        return print\n",
        "    _load_folder = print\n",
        "    def initialize(self, c):\n        if c.model:\n            super().initialize(c)\n",
        """
    def initialize(self, context):
        try:
            super().initialize(context)
        except Exception:
            self.model = print
""",
        """
    def initialize(self, context):
        context.manifest["model"]["modelFile"] = "m.py"
        super().initialize(context)
""",
    ],
)
def test_a_handler_that_loads_the_model_itself_needs_none(found, methods):
    assert found("no-model", {"handler.py": HANDLER + methods}) == []


def test_a_subclass_of_a_handler_that_loads_its_model_itself_needs_none(found):
    source = """
    from ts.torch_handler.base_handler import BaseHandler
    class A(BaseHandler):
        def initialize(self, context):
            self.model = print
    class B(A):
        def initialize(self, context):
            super().initialize(context)
    """

    assert found("no-model", {"handler.py": source}) == []


def test_installed_handlers_need_a_model_but_for_texts_one_of_transformers_will_do(found):
    assert found("no-model", {"a.txt": ""}, handler="image_classifier")
    assert found("no-model", {"a.txt": ""}, handler="base_handler")
    assert found("no-model", {"a.txt": ""}, handler="text_classifier")
    config = '{"model_type": "bert"}'
    assert found("no-model", {"config.json": config}, handler="text_classifier") == []
    assert found("no-model", {"config.json": "{}"}, handler="text_classifier")
    assert found("no-model", {"model.py": "x = 1\n"}, modelFile="model.py", handler="a") == []

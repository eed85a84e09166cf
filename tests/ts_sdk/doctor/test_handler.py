"""Which handler is meant, and whether it can be started."""

import pytest

from ts_sdk.doctor import Severity

BASE = "from ts.torch_handler.base_handler import BaseHandler\n"
METHODS = """
    def initialize(self, context):
        pass
    def handle(self, data, context):
        return data
"""


@pytest.mark.parametrize("name", ["image_classifier", "base_handler"])
def test_an_installed_handler_needs_no_file(found, name):
    assert found("no-handler", {"a.txt": ""}, handler=name) == []


def test_a_handler_for_special_hardware_is_not_here(examined):
    report = examined({"a.txt": ""}, handler="vllm_handler")

    assert report.verdict == "cannot"
    assert "vLLM" in report.decisive[0].message


def test_a_handler_that_is_nowhere_is_told_with_the_nearest_file(examined):
    report = examined({"handler.py": ""}, handler="handlr.py")

    assert report.verdict == "cannot"
    assert "did you mean 'handler.py'" in report.decisive[0].message


def test_an_archive_for_the_other_backend_cannot_run(tmp_path):
    from archives import make_mar, manifest_of

    from ts_sdk.doctor import examine

    manifest = manifest_of(handler="libhandler.so:Net").replace(b'"python"', b'"LSP"')
    path = make_mar(tmp_path / "cat.mar", {"MAR-INF/MANIFEST.json": manifest, "libhandler.so": b""})

    assert "C++" in examine(path).decisive[0].message


@pytest.mark.parametrize(
    "source",
    [
        f"{BASE}class H(BaseHandler): pass\nclass Helper:\n{METHODS}",
        f"{BASE}class A(BaseHandler): pass\nclass B(A): pass\n",
        f"class A:\n{METHODS}\nclass B(A): pass\n",
        f"class A:\n{METHODS}\nclass B:\n{METHODS}\ndef handle(data, context): pass\n",
        f"class A:\n{METHODS}\n_service = A()\nhandle = _service.handle\n",
        "from ts.torch_handler.image_classifier import ImageClassifier\n",
        "from somewhere_else import TheirHandler\n",
        "from impl import Handler\n",
        "Handler = make_handler()\n",
        "from impl import *\n",
        "class Handler(unknown): pass\n",
        "from somewhere import base\nclass Handler(base.Theirs): pass\n",
        "import sys\nsys.modules[__name__] = print\n",
        "import sys\nsys.modules['handler'] = print\n",
        "import sys\nmodules = sys.modules\n",
        "import sys\nfrom impl import *\nsys.modules['model'] = sys\n",
        "class Handler:\n    def __init__(self):\n        self.handle = self.initialize = print\n",
    ],
)
def test_a_handler_that_is_clear_or_that_only_running_it_would_tell_is_no_finding(found, source):
    files = {"handler.py": source, "impl.py": f"class Handler:\n{METHODS}"}

    assert found("ambiguous-handler", files) == []
    assert found("no-entry-point", files) == []


def test_two_classes_are_named_with_what_to_write(found):
    source = f"{BASE}class A(BaseHandler): pass\nclass B(BaseHandler): pass\n"
    (finding,) = found("ambiguous-handler", {"handler.py": source})

    assert finding.severity is Severity.CHANGE
    assert finding.line == 2
    assert "A, B" in finding.message
    assert "--handler handler.py:A" in finding.fix


def test_naming_one_in_the_manifest_is_enough(found):
    source = f"{BASE}class A(BaseHandler): pass\nclass B(BaseHandler): pass\n"

    assert found("ambiguous-handler", {"handler.py": source}, handler="handler.py:A") == []
    assert found("ambiguous-handler", {"handler.py": source}, handler="handler:B") == []


@pytest.mark.parametrize(
    ("source", "handler"),
    [
        ("x = 1\n", "handler.py"),
        ("class Net:\n    def forward(self): pass\n", "handler.py"),
        ("def handle(data, context): pass\n", "handler.py:predict"),
        ("import sys, torch\nsys.modules['model'] = torch\n", "handler.py"),
        ("import sys\nprint(sys.modules['model'])\nx = 1\n", "handler.py:predict"),
    ],
)
def test_a_file_with_nothing_to_start_blocks(examined, source, handler):
    report = examined({"handler.py": source}, handler=handler)

    assert report.verdict == "cannot"
    assert report.decisive[0].check == "no-entry-point"


def test_of_an_import_that_fails_the_import_alone_is_told(examined):
    source = (
        "from ts.torch_handlers.base_handler import BaseHandler\nclass H(BaseHandler):\n    pass\n"
    )
    report = examined({"handler.py": source})

    assert [each.check for each in report.findings] == ["old-name"]
    assert "did you mean 'ts.torch_handler.base_handler'" in report.findings[0].message


def test_a_name_that_is_not_in_a_module_is_told_with_those_that_are_nearest(examined):
    source = (
        "from ts.torch_handler.base_handler import BaseHandlr\nclass H(BaseHandlr):\n    pass\n"
    )
    (finding,) = examined({"handler.py": source}).findings

    assert finding.check == "old-name"
    assert "did you mean 'BaseHandler'? it has BaseHandler, " in finding.message
    assert len(finding.message) < 160


@pytest.mark.parametrize(
    ("source", "lacking"),
    [
        ("class A:\n    def handle(self, data, context): pass\n", "A has no initialize method"),
        ("class A(object):\n    def handle(self, data, context): pass\n", "no initialize"),
        (
            "from abc import ABC\nclass A(ABC):\n    def handle(self, data, context): pass\n",
            "no initialize",
        ),
        ("from impl import B\nclass A(B):\n    def handle(self, d, c): pass\n", "no initialize"),
    ],
)
def test_a_class_without_a_method_that_the_loader_calls_is_a_change(found, source, lacking):
    (finding,) = found("missing-method", {"handler.py": source, "impl.py": "class B:\n    x = 1\n"})

    assert finding.severity is Severity.CHANGE
    assert lacking in finding.message


def test_a_class_that_is_named_and_has_neither_method_lacks_both(found):
    (finding,) = found("missing-method", {"handler.py": "class A: pass\n"}, handler="handler.py:A")

    assert "A has no handle and no initialize method" in finding.message


@pytest.mark.parametrize(
    "source",
    [
        f"class A:\n{METHODS}",
        f"{BASE}class A(BaseHandler):\n    def handle(self, data, context): pass\n",
        "class A:\n    initialize = print\n    def handle(self, data, context): pass\n",
        "@dressed\nclass A:\n    def handle(self, data, context): pass\n",
        "class A(metaclass=M):\n    def handle(self, data, context): pass\n",
        "class A(theirs.Base):\n    def handle(self, data, context): pass\n",
        "class A:\n    def handle(self, d, c): pass\n    def __getattr__(self, n): return print\n",
        "class A:\n    def handle(self, d, c): pass\nsetattr(A, 'initialize', print)\n",
        "from impl import B\nclass A(B):\n    def handle(self, data, context): pass\n",
    ],
)
def test_a_class_that_has_or_may_have_the_methods_is_no_finding(found, source):
    files = {"handler.py": source, "impl.py": f"class B:\n{METHODS}"}

    assert found("missing-method", files) == []


def test_a_handler_that_needs_arguments_is_a_change(found):
    source = f"class A:\n    def __init__(self, model, size=1):\n        pass\n{METHODS}"
    (finding,) = found("handler-needs-arguments", {"handler.py": source})

    assert finding.place == "handler.py:2"
    assert "needs model" in finding.message


def test_an_envelope_that_is_unknown_is_a_change(found):
    files = {"handler.py": f"class A:\n{METHODS}", "mine.py": ""}

    for known in ("json", "kfserving", "kservev2", "mine"):
        assert found("unknown-envelope", files, envelope=known) == []
    (finding,) = found("unknown-envelope", files, envelope="jsno")
    assert "did you mean 'json'" in finding.message


def test_a_folder_without_a_manifest_says_what_its_files_are_taken_for(tmp_path):
    from ts_sdk.doctor import examine

    (tmp_path / "my_handler.py").write_text(f"class A:\n{METHODS}")
    report = examine(tmp_path)

    assert report.verdict == "runs"
    assert "my_handler.py" in report.findings[0].message

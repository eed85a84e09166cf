"""From what a manifest names as its handler to something that can be called."""

import pytest

from ts_sdk import BaseHandler, Context
from ts_sdk.entry_points import find_handler
from ts_sdk.errors import HandlerLoadError

CONTEXT = Context("cat", "/m", {}, 1, None, "0.12.0")


@pytest.fixture
def find(code_of):
    """Find a handler among files and start it with a context; returns its entry point."""

    def finding(files, named="handler.py"):
        if isinstance(files, str):
            files = {"handler.py": files}
        code = code_of(files)
        with code.starting():
            entry = find_handler(code, named)
            entry.initialize(CONTEXT)
        return entry

    return finding


def asked(entry, data=("x",)):
    return entry.handle(list(data), CONTEXT)


PLAIN = """
    class Handler:
        def initialize(self, context): self.name = context.model_name
        def handle(self, data, context): return [self.name for _ in data]
"""


class TestTheHandlersClass:
    def test_that_subclasses_base_handler(self, find):
        entry = find(
            """
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def __init__(self):
                    super().__init__()
                    self.calls = 0
                def initialize(self, context): self.initialized = True
                def handle(self, data, context): return ["mine"]
            """
        )
        assert asked(entry) == ["mine"]
        assert isinstance(entry.handler, BaseHandler)
        assert entry.handler.initialized

    def test_that_never_calls_its_parents_constructor(self, find):
        """12 of 82 handlers in the wild do not; what it would have set is there all the same."""
        entry = find(
            """
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def __init__(self): self.own = 1
                def initialize(self, context): pass
                def handle(self, data, context): return [(self.model, self.mapping, self.explain)]
            """
        )
        assert asked(entry) == [(None, None, False)]

    def test_that_calls_the_constructor_above_its_parents(self, find):
        text = """
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def __init__(self): super(BaseHandler, self).__init__()
                def initialize(self, context): pass
                def handle(self, data, context): return [self.initialized]
        """
        assert asked(find(text)) == [False]

    def test_that_is_a_plain_class(self, find):
        assert asked(find(PLAIN)) == ["cat"]

    @pytest.mark.parametrize(
        "named", ["handler", "handler.py", "handler.py:handle", "handler:handle"]
    )
    def test_by_each_spelling_of_its_file(self, find, named):
        """TorchServe takes the class when the named function is not there."""
        assert asked(find({"handler.py": PLAIN}, named)) == ["cat"]

    def test_among_bases_and_mixins_of_its_own_and_imported_ones(self, find):
        entry = find(
            {
                "handler.py": """
                    import torch
                    from ts_sdk import BaseHandler, Context
                    from base import Imported
                    class Base(Imported):
                        def handle(self, data, context): return ["base"]
                    class Net(torch.nn.Module): pass
                    class Settings: pass
                    class Mine(Base):
                        def handle(self, data, context): return ["mine"]
                    Alias = Mine
                """,
                "base.py": """
                    from ts_sdk import BaseHandler
                    class Imported(BaseHandler):
                        def initialize(self, context): pass
                """,
            }
        )
        assert asked(entry) == ["mine"]

    def test_a_subclass_of_base_handler_is_preferred_to_a_class_that_looks_like_one(self, find):
        entry = find(
            """
            from ts_sdk import BaseHandler
            class Client:
                def handle(self, data, context): return ["client"]
            class Mine(BaseHandler):
                def initialize(self, context): pass
                def handle(self, data, context): return ["mine"]
            """
        )
        assert asked(entry) == ["mine"]

    @pytest.mark.parametrize(
        "text",
        [
            "from mine import Mine",
            "from ts_sdk import BaseHandler\nfrom mine import Mine as Renamed",
            "from mine import make\nMade = make()",
        ],
    )
    def test_imported_or_made_elsewhere(self, find, text):
        entry = find(
            {
                "handler.py": text,
                "mine.py": """
                    from ts_sdk import BaseHandler
                    def make():
                        class Mine(BaseHandler):
                            def initialize(self, context): pass
                            def handle(self, data, context): return ["mine"]
                        return Mine
                    Mine = make()
                """,
            }
        )
        assert asked(entry) == ["mine"]

    def test_several_are_listed_with_how_to_choose(self, find):
        text = PLAIN + PLAIN.replace("Handler", "Other")
        with pytest.raises(
            HandlerLoadError, match=r"several handlers \(Handler, Other\)"
        ) as caught:
            find(text)
        assert "--handler handler.py:Handler" in str(caught.value)
        assert caught.value.phase == "find handler"

    @pytest.mark.parametrize("named", ["handler.py:Other", "handler:Other"])
    def test_several_with_a_choice(self, find, named):
        text = PLAIN + PLAIN.replace("Handler", "Other").replace("self.name for", "'other' for")
        assert asked(find({"handler.py": text}, named)) == ["other"]

    def test_none_says_what_to_define(self, find):
        for text in ("X = 1", "from ts_sdk import BaseHandler", "class Net: pass"):
            with pytest.raises(HandlerLoadError, match="defines neither a function handle"):
                find(text)

    @pytest.mark.parametrize(
        ("method", "answer"), [("__init__(self)", "mine"), ("initialize(self, context)", "its own")]
    )
    def test_that_replaces_its_handle_is_heard_where_torchserve_hears_it(
        self, find, method, answer
    ):
        text = f"""
            class Base:
                def initialize(self, context): pass
                def handle(self, data, context): return ["its own"]

            class Handler(Base):
                def {method}: self.handle = lambda data, context: ["mine"]
        """
        assert asked(find(text)) == [answer]

    def test_without_the_methods_of_a_handler(self, find):
        with pytest.raises(HandlerLoadError, match=r"Handler has no initialize method"):
            find("class Handler:\n    def handle(self, data, context): pass")

    def test_that_needs_arguments(self, find):
        with pytest.raises(HandlerLoadError, match="cannot be called without arguments") as caught:
            find(
                "class Handler:\n    def __init__(self, path): pass\n"
                "    def initialize(self, context): pass\n    def handle(self, data, context): pass"
            )
        assert caught.value.phase == "build handler"

    @pytest.mark.parametrize("broken", ["int('x')", "{}['x']", "len(1)", "raise SystemExit(2)"])
    def test_whose_constructor_fails_names_the_line(self, find, broken):
        with pytest.raises(
            HandlerLoadError, match=r"Handler\(\) failed: .*handler\.py:3"
        ) as caught:
            find(
                f"class Handler:\n    def __init__(self):\n        {broken}\n"
                "    def initialize(self, context): pass\n    def handle(self, data, context): pass"
            )
        assert caught.value.__cause__ is not None


class TestTheModulesFunction:
    SERVICE = """
        from ts_sdk import BaseHandler
        class Service(BaseHandler):
            def initialize(self, context): self.initialized = True
        _service = Service()
        def handle(data, context):
            if not _service.initialized:
                _service.initialize(context)
            if data is None:
                return None
            return ["service" for _ in data]
    """

    def test_handle_is_preferred_to_a_class(self, find):
        entry = find(self.SERVICE)
        assert asked(entry) == ["service"]
        assert entry.handler.initialized  # `_service`, as most such modules call it

    def test_is_initialised_by_a_call_without_data(self, find):
        entry = find(
            """
            calls = []
            def handle(data, context):
                calls.append(data)
                return calls
            """
        )
        assert asked(entry) == [None, ["x"]]
        assert entry.handler is None

    @pytest.mark.parametrize("named", ["handler.py:entry", "handler:entry"])
    def test_by_name(self, find, named):
        text = "def entry(data, context): return ['entry']\ndef handle(data, context): return 1"
        assert asked(find({"handler.py": text}, named)) == ["entry"]

    def test_that_does_not_expect_a_call_without_data_says_so(self, find):
        with pytest.raises(
            HandlerLoadError,
            match=r"initialised by handle\(None, context\).*TypeError.*handler\.py:1.*data is None",
        ) as caught:
            find("def handle(data, context): return [row for row in data]")
        assert caught.value.phase == "initialize"

    def test_misspelt_in_the_manifest(self, find):
        text = "def predict(data, context): return []"
        with pytest.raises(HandlerLoadError, match="'pedict'; did you mean 'predict'"):
            find({"handler.py": text}, "handler.py:pedict")


class TestAnImportThatFails:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                "import torch\nimport no_such_module",
                r"No module named 'no_such_module' \(handler\.py:2",
            ),
            (
                "x = 1\ny = x / 0",
                r"ZeroDivisionError: division by zero \(handler\.py:2 .*: y = x / 0",
            ),
            ("x = 1\ndef broken(:\n    pass", r"SyntaxError: .*handler\.py:2"),
            ("  x = 1\n y = 2", r"IndentationError"),
            ("import sys\nsys.exit('usage')", r"SystemExit: usage \(handler\.py:2"),
            ("x = '\0'", r"handler\.py"),
            (
                "from near import x",
                r"ImportError: cannot import name 'x' from 'near'.*handler\.py:1",
            ),
            ("import far", r"ValueError: far away \(far\.py:2"),
        ],
    )
    def test_says_the_file_the_line_and_the_cause(self, find, text, told):
        with pytest.raises(HandlerLoadError, match=told) as caught:
            find({"handler.py": text, "near.py": "", "far.py": "\nraise ValueError('far away')"})
        assert caught.value.phase == "import handler"
        assert caught.value.__cause__ is not None

    def test_of_a_package_says_how_to_get_it(self, find):
        with pytest.raises(HandlerLoadError, match=r"provides 'no_such_module' .*--extra-files"):
            find("import no_such_module.inner")

    def test_of_a_module_of_the_old_servers_that_is_not_here_says_why(self, find):
        with pytest.raises(HandlerLoadError, match=r"ts\.model_server"):
            find("from ts.model_server import start")

    def test_leaves_the_cause_with_its_own_traceback(self, find):
        with pytest.raises(HandlerLoadError) as caught:
            find("def f(): return {}['x']\nf()")
        assert isinstance(caught.value.__cause__, KeyError)

    def test_lets_the_keyboard_interrupt_through(self, find):
        with pytest.raises(KeyboardInterrupt):
            find("raise KeyboardInterrupt")


class TestInstalledHandlers:
    def test_the_base_handler(self, code_of):
        entry = find_handler(code_of({}), "base_handler")
        assert type(entry.handler) is BaseHandler

    def test_one_of_the_entry_point_group(self, code_of):
        entry = find_handler(code_of({}), "image_classifier")
        assert isinstance(entry.handler, BaseHandler)

    def test_a_file_of_the_archive_wins(self, find):
        assert asked(find({"image_classifier.py": PLAIN}, "image_classifier")) == ["cat"]

    def test_a_misspelt_name_gets_the_nearest(self, find):
        with pytest.raises(HandlerLoadError, match="did you mean 'image_classifier'") as caught:
            find({"other.py": PLAIN}, "image_clasifier")
        assert "the archive holds other.py" in str(caught.value)
        assert "installed are base_handler, image_classifier" in str(caught.value)

    def test_a_misspelt_file_gets_the_nearest(self, find):
        with pytest.raises(HandlerLoadError, match=r"did you mean 'handler\.py'"):
            find({"handler.py": PLAIN}, "handlr.py")

    def test_one_that_cannot_be_imported_says_why(self, code_of, tmp_path, monkeypatch):
        """A distribution that offers a handler, as an installed one does."""
        info = tmp_path / "site/broken_handlers-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: broken-handlers\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(
            "[ts_sdk.handlers]\nbroken = not_there_at_all:Handler\n"
        )
        monkeypatch.syspath_prepend(tmp_path / "site")
        with pytest.raises(
            HandlerLoadError, match=r"handler broken \(not_there_at_all:Handler\) failed"
        ):
            find_handler(code_of({}), "broken")


def test_a_handler_in_a_package_folder(find):
    entry = find(
        {
            "pkg/__init__.py": "",
            "pkg/serving.py": """
                from .names import NAME
                class Handler:
                    def initialize(self, context): pass
                    def handle(self, data, context): return [NAME]
            """,
            "pkg/names.py": "NAME = 'inner'",
        },
        "pkg/serving.py",
    )
    assert asked(entry) == ["inner"]

"""The pytest plugin, in runs of pytest on suites as users write them."""

import json
import subprocess
import sys

import pytest

pytest_plugins = "pytester"

CONFTEST = """
import pytest


@pytest.fixture
def net():
    import torch
    from torch import nn

    layer = nn.Linear(2, 2, bias=False)
    layer.weight = nn.Parameter(torch.eye(2) * 2.0)
    return layer
"""
HANDLER = """
from ts_sdk import BaseHandler


class Doubles(BaseHandler):
    def postprocess(self, data):
        return [{"first": row[0].item(), "second": row[1].item()} for row in data]
"""
SNAPSHOTS = "__snapshots__/test_it"


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest on a suite in a process of its own; gives its result."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = -rsx")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(handler=HANDLER)
    pytester.syspathinsert()

    def run(*options, **modules):
        if modules:
            pytester.makepyfile(**modules)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=240)

    return run


def test_the_plugin_is_found_by_its_entry_point_and_can_be_turned_off(run):
    module = "def test_one(mar_handler): pass"
    assert run(test_it=module).ret == 0
    result = run("-p", "no:ts_sdk")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'mar_handler' not found*"])


@pytest.mark.slow
def test_its_fixtures_and_its_option_say_what_they_are_for(run):
    run("--fixtures", test_it="").stdout.fnmatch_lines_random(
        [
            "mar_handler*",
            "*Load handlers and archives for the time of a test.",
            "mar_context*",
            "*Make real contexts*",
            "mar_snapshot*",
            "*Compare values with golden files beside the test*",
        ]
    )
    run("--help").stdout.fnmatch_lines(["*--mar-update*write the golden files*"])


def test_handlers_and_folders_are_loaded_and_closed_after_the_test(run, pytester):
    folder = pytester.mkdir("sources")
    (folder / "handler.py").write_text(
        "def handle(data, context):\n    return data and [len(row['body']) for row in data]\n"
    )
    result = run(
        test_it="""
        import pytest
        from handler import Doubles
        from ts_sdk import ModelClosedError

        loaded = []

        def test_a_class_and_a_folder(mar_handler, net):
            loaded.append(mar_handler(Doubles, model=net))
            loaded.append(mar_handler("sources"))
            assert loaded[0].predict([1.0, 3.0]) == {"first": 2.0, "second": 6.0}
            assert loaded[1].predict(b"four") == 4

        def test_they_are_closed():
            for model in loaded:
                with pytest.raises(ModelClosedError):
                    model.predict([1.0, 3.0])
        """
    )
    result.assert_outcomes(passed=2)


def test_a_handler_s_methods_are_called_with_a_real_context(run):
    result = run(
        test_it="""
        from handler import Doubles
        from ts_sdk import Context

        def test_a_phase_alone(mar_context, net):
            with mar_context(model=net, requests=[[1.0, 2.0], [3.0, 4.0]]) as exchange:
                assert type(exchange.context) is Context
                handler = Doubles()
                handler.initialize(exchange.context)
                assert handler.preprocess(exchange.rows).tolist() == [[1.0, 2.0], [3.0, 4.0]]
                exchange.context.metrics.add_counter("Seen", 2)
            assert exchange.context.metrics["Seen"].value == 2

        folders = []

        def test_without_with_it_is_entered_for_the_test(mar_context, net):
            exchange = mar_context(model=net, requests=["?"])
            handler = Doubles()
            handler.initialize(exchange.context)
            handler.reject(0, "no numbers")
            assert exchange.rejected[0]["code"] == 400
            folders.append(exchange.folder)
            assert exchange.folder.is_dir()

        def test_its_folder_is_gone():
            assert not folders[0].exists()
        """
    )
    result.assert_outcomes(passed=3)


class TestSnapshots:
    MODULE = """
        def test_answers(mar_snapshot):
            answer = {"first": 2.0, "second": 6.0}
            mar_snapshot(answer)
        """

    def golden(self, pytester, name="test_answers"):
        return pytester.path / SNAPSHOTS / f"{name}.json"

    def test_a_missing_golden_file_fails_and_says_what_to_do(self, run, pytester):
        result = run(test_it=self.MODULE)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">*mar_snapshot(answer)",  # the line of the test, none of ours
                f"E *SnapshotError: there is no golden file *{SNAPSHOTS}/test_answers.json: *",
                "E *the value is: {'first': 2.0, 'second': 6.0}",
            ]
        )
        assert not self.golden(pytester).exists()

    def test_it_is_written_when_asked_for_and_compared_from_then_on(self, run, pytester):
        result = run("--mar-update", test_it=self.MODULE)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["*golden files*", f"written: *{SNAPSHOTS}/test_answers.json"])
        assert json.loads(self.golden(pytester).read_text()) == {"first": 2.0, "second": 6.0}
        result = run()
        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*golden files*")

    def test_another_value_fails_with_the_place_and_the_way_out(self, run, pytester):
        run("--mar-update", test_it=self.MODULE)
        self.golden(pytester).write_text('{"first": 2.0, "second": 7.0}')
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "E *1 difference:",
                "E *$.second: got 6, expected 7: 1 apart, 0.00071 allowed*",
                "E *hint: if the new value is right, run pytest --mar-update to write it to *",
            ]
        )

    @pytest.mark.slow
    def test_a_drift_within_the_tolerance_passes_and_leaves_the_file_as_it_is(self, run, pytester):
        run("--mar-update", test_it=self.MODULE)
        near = '{"first": 2.00001, "second": 6}'
        self.golden(pytester).write_text(near)
        run().assert_outcomes(passed=1)
        result = run("--mar-update")
        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*golden files*")
        assert self.golden(pytester).read_text() == near
        self.golden(pytester).write_text('{"first": 2.1, "second": 6}')
        run("--mar-update").assert_outcomes(passed=1)
        assert json.loads(self.golden(pytester).read_text()) == {"first": 2.0, "second": 6.0}

    @pytest.mark.slow
    def test_a_damaged_file_says_so_and_is_written_anew(self, run, pytester):
        run("--mar-update", test_it=self.MODULE)
        self.golden(pytester).write_text("{")
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *test_answers.json cannot be read: *--mar-update*"])
        run("--mar-update").assert_outcomes(passed=1)
        run().assert_outcomes(passed=1)

    @pytest.mark.slow
    def test_parameters_and_several_of_one_test_have_files_of_their_own(self, run, pytester):
        result = run(
            "--mar-update",
            test_it="""
            import pytest

            @pytest.mark.parametrize("path", ["a/b", "a b", "../..", "x" * 300, "x" * 301])
            def test_each(mar_snapshot, path):
                mar_snapshot(path)

            def test_several(mar_snapshot):
                mar_snapshot(1)
                mar_snapshot(2)
                mar_snapshot(3, name="three")

            class TestA:
                def test_same(self, mar_snapshot):
                    mar_snapshot("A")

            class TestB:
                def test_same(self, mar_snapshot):
                    mar_snapshot("B")
            """,
        )
        result.assert_outcomes(passed=8)
        below = pytester.path / SNAPSHOTS
        kept = [json.loads(each.read_text()) for each in below.iterdir()]
        assert len(kept) == 10
        assert sorted(map(str, kept)) == sorted(
            ["a/b", "a b", "../..", "x" * 300, "x" * 301, "1", "2", "3", "A", "B"]
        )
        assert list((pytester.path / "__snapshots__").iterdir()) == [below]
        run().assert_outcomes(passed=8)

    @pytest.mark.slow
    def test_pictures_arrays_and_tensors_are_kept_and_compared_within_tolerances(
        self, run, pytester
    ):
        module = """
            import io
            import os

            import numpy as np
            import torch
            from PIL import Image
            from ts_sdk.testing import Tolerance

            SHIFT = float(os.environ.get("SHIFT", "0"))

            def picture():
                file = io.BytesIO()
                levels = np.full((8, 8), 100 + int(SHIFT), np.uint8)
                Image.fromarray(levels).save(file, "PNG")
                return file.getvalue()

            def test_all(mar_snapshot):
                near = Tolerance(atol=0.5, picture_mean=1.5)
                mar_snapshot({"picture": picture()}, tolerance=near)
                mar_snapshot(np.arange(3.0) + SHIFT / 4, atol=0.5)
                mar_snapshot(torch.ones(2, 2) * SHIFT / 4, rtol=0, atol=0.5)
            """
        run("--mar-update", test_it=module).assert_outcomes(passed=1)
        for shift, outcome in {"0": "passed", "1": "passed", "2": "failed"}.items():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SHIFT", shift)
                run().assert_outcomes(**{outcome: 1})

    @pytest.mark.slow
    def test_what_cannot_be_kept_is_told_and_nothing_is_written(self, run, pytester):
        result = run("--mar-update", test_it="def test_it(mar_snapshot): mar_snapshot(object())")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *an answer with a object in it cannot be kept*"])
        assert not (pytester.path / "__snapshots__").exists()


class TestParametrizeChecks:
    MODULE = """
        import torch
        from torch import nn
        from ts_sdk import BaseHandler
        from ts_sdk.testing import Expectations, parametrize_checks

        class Prints(BaseHandler):
            closed = 0

            def postprocess(self, data):
                print("a batch")
                return data.tolist()

        @parametrize_checks(
            Prints,
            requests=[[1.0, 2.0], [0.5, -1.0]],
            model=nn.Linear(2, 2),
            {options}
        )
        def test_contract(check):
            check()
        """

    def module(self, options=""):
        return {"test_it": self.MODULE.replace("{options}", options)}

    def test_each_promise_is_a_test_with_an_id_and_a_reason_when_skipped(self, run):
        from ts_sdk.testing import CHECKS

        result = run("-v", **self.module())
        shallow = [each.name for each in CHECKS if not each.deep]
        for name in shallow:
            result.stdout.fnmatch_lines([f"test_it.py::test_contract?{name}? *"])
        counts = result.parseoutcomes()
        assert counts["failed"] == 1
        assert sum(counts.values()) == len(shallow)
        result.stdout.fnmatch_lines(
            [
                "test_it.py::test_contract?nothing_is_printed? FAILED*",
                "E *PromiseBroken: nothing_is_printed: it printed * 'a batch'",
                "E *The promise: Loading the model and answering requests prints nothing.",
                "E *Take logging.getLogger(__name__) in place of print()*",
                "SKIPPED * there is no metrics.yaml",
            ]
        )

    def test_a_failure_that_is_declared_is_expected(self, run):
        options = """
            only=["nothing_is_printed", "answers_are_finite"],
            expectations=Expectations(expected_failures={"nothing_is_printed": "a banner"}),
        """
        result = run(**self.module(options))
        result.assert_outcomes(passed=1, xfailed=1)
        result.stdout.fnmatch_lines(["XFAIL *nothing_is_printed* - a banner*"])

    @pytest.mark.slow
    def test_a_failure_that_is_declared_and_mended_fails(self, run):
        options = """
            only=["answers_are_finite"],
            expectations=Expectations(expected_failures={"answers_are_finite": "it divides by 0"}),
        """
        result = run(**self.module(options))
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*XPASS(strict)* it divides by 0"])

    @pytest.mark.slow
    def test_deep_ones_are_run_when_asked_for(self, run):
        from ts_sdk.testing import CHECKS

        result = run("--collect-only", "-q", **self.module("deep=True,"))
        assert sum(line.startswith("test_it.py::") for line in result.outlines) == len(CHECKS)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "options",
        [
            'only=["answers_are_finte"],',
            'expectations=Expectations(expected_failures={"answers_are_finte": "?"}),',
        ],
    )
    def test_a_name_that_does_not_exist_is_told_when_the_tests_are_collected(self, run, options):
        result = run(**self.module(options))
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*no check 'answers_are_finte'*'answers_are_finite'*"])

    @pytest.mark.slow
    def test_the_model_that_checks_share_is_loaded_once_and_closed_after_the_last(self, run):
        result = run(
            "-v",
            test_it="""
            import pytest
            from torch import nn
            from ts_sdk import BaseHandler, ModelClosedError
            from ts_sdk.testing import parametrize_checks

            started = []
            shared = []

            class Counts(BaseHandler):
                def initialize(self, context):
                    started.append(1)
                    super().initialize(context)

            ONLY = ["answers_are_finite", "answers_can_be_sent", "answers_keep_their_order"]

            @parametrize_checks(Counts, [[1.0], [2.0]], model=nn.Linear(1, 1), only=ONLY)
            def test_contract(check):
                check()
                shared.append(check.case.model)

            def test_afterwards():
                assert len(started) == 1
                assert len({id(model) for model in shared}) == 1
                with pytest.raises(ModelClosedError):
                    shared[0].predict([1.0])
            """,
        )
        result.assert_outcomes(passed=4)

    @pytest.mark.slow
    def test_a_folder_of_sources_and_requests_in_files_are_taken(self, run, pytester):
        folder = pytester.mkdir("sources")
        (folder / "handler.py").write_text(
            "def handle(data, context):\n    return data and [len(row['body']) for row in data]\n"
        )
        (pytester.path / "one.bin").write_bytes(b"\x01\x02")
        result = run(
            test_it="""
            from pathlib import Path
            from ts_sdk.testing import parametrize_checks, text_request

            @parametrize_checks(
                "sources",
                requests=[Path("one.bin"), text_request("a cat")],
                only=["one_answer_per_request", "answers_ignore_batchmates"],
            )
            def test_contract(check):
                check()
            """
        )
        result.assert_outcomes(passed=2)

    @pytest.mark.slow
    def test_a_handler_s_file_is_imported_by_itself_with_the_files_beside_it(self, run, pytester):
        (pytester.path / "mine.py").write_text(
            "import os\nimport labels\nos.environ['MINE'] = '1'\n"
            "def handle(data, context):\n    return data and [1 for _ in data]\n"
        )
        result = run(
            test_it="""
            from ts_sdk.testing import parametrize_checks

            @parametrize_checks(
                "mine.py", files={"labels.py": ""}, only=["importing_has_no_side_effects"]
            )
            def test_contract(check):
                check()
            """
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *importing it sets the environment variable MINE"])

    def test_a_handler_that_cannot_be_loaded_is_told_once_without_the_way_there(self, run):
        result = run(
            test_it="""
            from ts_sdk import BaseHandler
            from ts_sdk.testing import parametrize_checks

            class Fails(BaseHandler):
                def initialize(self, context):
                    raise OSError("no weights today")

            @parametrize_checks(
                Fails, [[1.0]], only=["one_answer_per_request", "answers_are_finite"]
            )
            def test_contract(check):
                check()
            """
        )
        result.assert_outcomes(failed=1, skipped=1)
        result.stdout.fnmatch_lines(["E *no weights today*", "SKIPPED*could not be loaded"])
        result.stdout.no_fnmatch_line("*loader.py*")

    @pytest.mark.slow
    def test_a_request_that_is_a_path_as_text_is_told_with_what_to_give(self, run, pytester):
        (pytester.path / "one.bin").write_bytes(b"1")
        result = run(
            test_it="""
            from ts_sdk.testing import parametrize_checks

            def numbers(data, context):
                return data and [float(row["body"]) for row in data]

            @parametrize_checks(numbers, ["one.bin"], only=["one_answer_per_request"])
            def test_contract(check):
                check()
            """
        )
        result.stdout.fnmatch_lines(["E *to send that file, give pathlib.Path('one.bin')*"])

    @pytest.mark.slow
    def test_requests_that_cannot_be_read_fail_the_test_and_not_the_collection(self, run):
        result = run(
            test_it="""
            from pathlib import Path
            from torch import nn
            from ts_sdk import BaseHandler
            from ts_sdk.testing import parametrize_checks

            @parametrize_checks(
                BaseHandler, [Path("gone.jpg")], model=nn.Linear(1, 1), only=["answers_are_finite"]
            )
            def test_contract(check):
                check()
            """
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *gone.jpg*"])


OLD = """
from ts.torch_handler.base_handler import BaseHandler


class Old(BaseHandler):
    def postprocess(self, inference_output):
        return inference_output.tolist()
"""


def test_a_module_with_torchserve_s_import_names_is_imported_as_it_is(run):
    result = run(
        old_handler=OLD,
        test_it="""
        from old_handler import Old

        def test_old(mar_handler, net):
            assert mar_handler(Old, model=net).predict([1.0, 2.0]) == [2.0, 4.0]
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_package_of_that_name_stays_what_it_is(run, pytester):
    package = pytester.mkpydir("ts")
    (package / "__init__.py").write_text("mine = True\n")
    result = run(
        test_it="""
        import ts

        def test_ts():
            assert ts.mine
        """
    )
    result.assert_outcomes(passed=1)


def test_nothing_heavy_is_imported_before_a_fixture_is_used(pytester):
    pytester.makepyfile(
        test_it="""
        import sys

        HEAVY = {"torch", "torchvision", "numpy", "PIL"}

        def test_before():
            assert not HEAVY & set(sys.modules)
            assert "ts_sdk.testing.pytest_plugin" in sys.modules

        def test_after(mar_handler):
            assert mar_handler(lambda data, context: data and [1 for _ in data]).predict(b"") == 1
            assert "torch" in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2)


def test_the_kit_is_imported_without_pytest_hypothesis_and_torch():
    program = (
        "import sys; import ts_sdk.testing as t; dir(t);"
        "print({'pytest', 'hypothesis', 'torch', 'numpy'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"


@pytest.mark.slow
def test_it_runs_spread_over_processes(run, pytester):
    module = """
        import pytest
        from handler import Doubles
        from ts_sdk.testing import parametrize_checks
        from torch import nn

        @pytest.mark.parametrize("value", [1.0, 2.0, 3.0])
        def test_answers(mar_handler, mar_snapshot, net, value):
            mar_snapshot(mar_handler(Doubles, model=net).predict([value, value]))

        ONLY = ["answers_are_finite", "answers_can_be_sent", "answers_keep_their_order"]

        @parametrize_checks(Doubles, [[1.0, 2.0], [2.0, 3.0]], model=nn.Linear(2, 2), only=ONLY)
        def test_contract(check):
            check()
        """
    result = run("-n", "2", "--mar-update", test_it=module)
    result.assert_outcomes(passed=6)
    written = list((pytester.path / SNAPSHOTS).iterdir())
    assert len(written) == 3
    result.stdout.fnmatch_lines([f"written: *{each.name}" for each in sorted(written)])
    run("-n", "2").assert_outcomes(passed=6)

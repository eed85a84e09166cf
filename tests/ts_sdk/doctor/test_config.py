"""What model-config.yaml says."""

import pytest

from ts_sdk.doctor import Severity


@pytest.fixture
def configured(examined, caplog):
    def find(text: str | bytes):
        files = {"handler.py": "def handle(data, context):\n    return data\n", "c.yaml": text}
        report = examined(files, configFile="c.yaml")
        assert caplog.records == []
        return report

    return find


def test_a_good_config_is_no_finding(configured):
    assert configured("batchSize: 4\nmaxWorkers: 1\nhandler:\n  topk: 3\nmine: 1\n").findings == ()


@pytest.mark.parametrize("text", ["a: [", "- 1\n", b"\xff\xfe\x00", "a: " + "[" * 5000])
def test_a_config_that_cannot_be_read_is_a_change(configured, text):
    report = configured(text)

    assert report.verdict == "needs change"
    assert {each.check for each in report.findings} == {"config"}


def test_each_value_of_the_wrong_kind_is_told(configured):
    report = configured("batchSize: many\ndeviceIds: 0\n")

    assert ["batchSize" in each.message for each in report.decisive] == [True, False]


def test_settings_that_nothing_acts_on_and_misspelt_ones_are_notes(configured):
    report = configured("parallelType: pp\ntorchrun:\n  nproc-per-node: 4\nbatch_size: 4\n")

    assert report.verdict == "runs"
    assert [each.severity for each in report.findings] == [Severity.NOTE] * 3
    assert report.findings[2].fix == "write batchSize, if that is meant"


def test_a_time_limit_is_said_to_need_a_process(configured):
    report = configured("responseTimeout: 30\n")
    (finding,) = report.findings

    assert report.verdict == "runs"
    assert "isolation='process'" in finding.message


def test_aliases_of_aliases_are_read_quickly(configured):
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]

    assert configured("\n".join(lines)).verdict == "runs"

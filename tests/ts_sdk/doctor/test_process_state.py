"""Settings that hold for the whole process."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = """
import os, subprocess, sys
import torch
{top}

class Handler:
    def initialize(self, context):
        {body}

    def handle(self, data, context):
        return data
"""


@pytest.mark.parametrize(
    ("top", "body"),
    [
        ("torch.set_default_dtype(torch.float16)", "pass"),
        ("", "torch.set_num_threads(1)"),
        ("", "torch.backends.cudnn.benchmark = True"),
        ("", "os.environ['CUDA_VISIBLE_DEVICES'] = '1'"),
        ("", "os.chdir(context.folder)"),
    ],
)
def test_a_setting_of_the_process_is_a_note(examined, top, body):
    report = examined({"handler.py": HANDLER.format(top=top, body=body)})

    assert [(each.check, each.severity) for each in report.findings] == [
        ("process-state", Severity.NOTE)
    ]
    assert report.verdict == "runs"


@pytest.mark.parametrize(
    "body", ["os.environ['HF_HOME'] = 'x'", "torch.zeros(2)", "x = torch.backends.cudnn.version()"]
)
def test_what_stays_within_the_archive_is_no_finding(examined, body):
    assert examined({"handler.py": HANDLER.format(top="", body=body)}).findings == ()


def test_installing_packages_is_a_note(found):
    body = "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'lightgbm'])"
    files = {"handler.py": HANDLER.format(top="", body=body)}

    assert len(found("installs-packages", files)) == 1


def test_starting_another_program_is_no_finding(found):
    body = "subprocess.run(['ffmpeg', '-i', 'x'])"

    assert found("installs-packages", {"handler.py": HANDLER.format(top="", body=body)}) == []

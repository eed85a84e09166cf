"""What the tests of the doctor ask of a report, and the model and handler they pack."""

from ts_sdk.doctor import Finding, Report, Severity

HANDLER = """
from ts_sdk import BaseHandler


class Handler(BaseHandler):
    pass
"""
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.linear(x)
"""


def found(report: Report, code: str) -> Finding:
    """The one finding of this kind."""
    (finding,) = [each for each in report.findings if each.code == code]
    return finding


def codes(report: Report) -> list[str]:
    """The kinds of all findings."""
    return [each.code for each in report.findings]


def reasons(report: Report) -> list[str]:
    """The kinds of the findings above a note."""
    return [each.code for each in report.findings if each.severity is not Severity.NOTE]

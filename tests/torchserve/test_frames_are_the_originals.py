"""The responses that TorchServe's functions make are the same here, byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import peer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_PROGRAM = Path(__file__).with_name("make_frames.py")


def _frames(*arguments, environment):
    command = [sys.executable, str(_PROGRAM), *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_the_same_calls_make_the_same_responses():
    original = _frames(environment=peer.environment())
    here = _frames("here", environment=dict(os.environ))
    assert len(original) > 30
    assert here == original

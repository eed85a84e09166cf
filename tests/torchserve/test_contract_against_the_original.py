"""The corpus under TorchServe's own worker and here: both answer alike."""

import pytest
from torchserve_corpus import Outcome, all_cases, differences, ours, recorded, unmet

from tests.torchserve.running import run_original

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CASES = {case.name: case for case in all_cases()}
RECORDED = recorded.read()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the original makes of each case."""
    return run_original(CASES.values(), tmp_path_factory.mktemp("original"))


@pytest.mark.parametrize("name", CASES)
def test_the_same_archive_and_requests_have_the_same_answers(name, original, tmp_path):
    case = CASES[name]
    assert unmet(case, original[name], ours.run(case, case.write(tmp_path / "corpus"))) == []


@pytest.mark.parametrize("name", CASES)
def test_what_was_recorded_is_what_the_original_does(name, original):
    digest, outcome = RECORDED[name]
    assert digest == CASES[name].digest, recorded.AGAIN
    assert differences(outcome, original[name], CASES[name].tolerance) == []

"""The corpus runs here as it ran under TorchServe 0.12, which was recorded once."""

import pytest
from torchserve_corpus import Outcome, all_cases, differences, ours, recorded, unmet

CASES = {case.name: case for case in all_cases()}
RECORDED = recorded.read()


@pytest.mark.parametrize("name", CASES)
def test_an_archive_for_torchserve_is_answered_as_torchserve_answered_it(name, tmp_path):
    case = CASES[name]
    digest, theirs = RECORDED[name]
    assert digest == case.digest, f"the case has changed: {recorded.AGAIN}"
    assert unmet(case, theirs, ours.run(case, case.write(tmp_path / "corpus"))) == []


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("streams: ")])
def test_the_pieces_of_a_stream_are_those_that_torchserve_sent(name, tmp_path):
    case, (_, theirs) = CASES[name], RECORDED[name]
    archive = case.write(tmp_path / "corpus")
    for batch, replies in zip(case.batches, theirs.replies, strict=True):
        for request, reply in zip(batch, replies, strict=True):
            pieces, failure = ours.pieces(case, archive, request)
            assert failure == reply.error
            if failure is None:
                assert b"".join(pieces) == reply.body


def test_what_is_recorded_is_the_corpus():
    assert list(RECORDED) == list(CASES), recorded.AGAIN
    assert len(CASES) == len(all_cases())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.differs])
def test_where_we_promise_something_else_torchserve_did_otherwise(name):
    case, (_, theirs) = CASES[name], RECORDED[name]
    promised = Outcome(True, list(map(list, case.differs.replies)), theirs.metrics)
    assert differences(promised, theirs, case.tolerance) != []


def test_each_case_says_whether_torchserve_starts_its_handler():
    alike = {name: case for name, case in CASES.items() if case.differs is None}
    assert {name: case.starts for name, case in alike.items()} == {
        name: RECORDED[name][1].starts for name in alike
    }

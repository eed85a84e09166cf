"""Promises about chance."""

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.chance import drawn_numbers, seed_generators
from ts_sdk.testing.promise import PromiseBroken, check


@check(compares=True)
def check_the_same_request_gets_the_same_answer(case: HandlerCase) -> None:
    """With the random generators seeded, the same request gets the same answer each time.

    Take random numbers from torch, numpy or random, which a test can seed; put the model into
    eval(), so that dropout is off; count nothing on self; or declare `deterministic: false`.
    """
    if case.chance is not None:
        raise PromiseBroken(f"the same requests get other answers: {case.chance}")


@check()
def check_random_generators_are_left_alone(case: HandlerCase) -> None:
    """Answering a request seeds no generator of the program.

    Take torch.Generator().manual_seed(…) or random.Random(…) for what has to be the same each time;
    torch.manual_seed() sets it for the whole process.
    """
    case.answers(case.requests)  # what is done once, at the first request, is not meant
    drawn = []
    for seed in range(3):
        seed_generators(seed)
        case.answers(case.requests)
        drawn.append(drawn_numbers())
    for name, numbers in zip(
        ("random", "numpy.random", "torch"), zip(*drawn, strict=True), strict=True
    ):
        if len(set(numbers)) == 1:
            raise PromiseBroken(
                f"after a request, {name} gives the same numbers whatever its seed was"
            )

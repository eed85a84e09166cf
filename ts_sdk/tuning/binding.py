"""What holds a candidate back, and what would help next."""

from collections.abc import Collection
from dataclasses import dataclass

from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.space import Candidate, Form, Variant

_FULL = 0.9
_MOSTLY = 0.5


@dataclass(frozen=True)
class Binding:
    """What binds.

    Attributes:
        phase: ``queue``, ``preprocess``, ``inference`` or ``postprocess``.
        share: Its share of a request's latency, 0 to 1; of the three that work, of their sum.
        reason: Why it is this one.
        advice: What to change next.
    """

    phase: str
    share: float
    reason: str
    advice: str


def binding_of(
    candidate: Candidate, measured: Measurement, cores: int, tried: Collection[Variant] = ()
) -> Binding | None:
    """What holds *candidate* back; None where no phases were seen.

    A queue in front of workers that are busy is a consequence: then the phase that they are busy
    with binds. A queue in front of batches that do not fill, no longer than the batch delay, is
    what binds itself.

    Args:
        candidate: The candidate.
        measured: What it did.
        cores: How many processors there are.
        tried: Variants that were measured or are out, which nobody is advised to try again.
    """
    phases = dict(measured.phases_ms)
    total_ms = sum(phases.values())
    if total_ms <= 0:
        return None
    queue_ms = phases.pop("queue", 0.0)
    share = queue_ms / total_ms
    full = measured.batch_fill is None or measured.batch_fill >= _FULL
    # Nobody waits longer than the delay for others; beyond it, they wait for a worker.
    if share > _MOSTLY and not full and 0 < queue_ms <= candidate.max_batch_delay_ms:
        return Binding(
            "queue",
            share,
            f"{share:.0%} of the latency is spent waiting, for batches that become "
            f"{measured.batch_fill:.0%} full",
            "a shorter batch delay, a smaller batch, or more requests at a time",
        )
    phase = max(phases, key=lambda name: phases[name])
    here = [each for each in tried if each.device == candidate.device]
    busy = phases[phase] / sum(phases.values())
    waiting = f"; {share:.0%} of the latency is queueing for it" if share > _MOSTLY else ""
    return Binding(
        phase,
        busy,
        f"{busy:.0%} of a batch's time in the handler is {phase}{waiting}",
        _ADVICE[phase](candidate, cores, here),
    )


def _for_preprocess(candidate: Candidate, cores: int, tried: Collection[Variant]) -> str:
    wishes = []
    if not any(each.fast_decode for each in (candidate, *tried)):
        wishes.append("fast decoding (handler: {fast_decode: true})")
    if candidate.workers < cores:
        wishes.append("more workers")
    return " or ".join([*wishes, "smaller inputs, made so by whoever sends them"])


def _for_inference(candidate: Candidate, cores: int, tried: Collection[Variant]) -> str:
    wishes, known = [], (candidate, *tried)
    if all(each.precision == "float32" for each in known):
        wishes.append("a reduced precision")
    if all(each.form in (Form.EAGER, Form.CHANNELS_LAST) for each in known):
        wishes.append("a compiled form of the model")
    if candidate.device == "cpu":
        if candidate.workers * (candidate.threads or 1) < cores:
            wishes.append("more workers or threads")
        wishes.append("a GPU or more cores")
    else:
        wishes.append("a larger batch or another GPU")
    return ", ".join(wishes)


def _for_postprocess(candidate: Candidate, cores: int, _tried: Collection[Variant]) -> str:
    more = "more workers, or " if candidate.workers < cores else ""
    return f"{more}less work for each answer (fewer boxes, a smaller top-k, no masks)"


_ADVICE = {
    "preprocess": _for_preprocess,
    "inference": _for_inference,
    "postprocess": _for_postprocess,
}

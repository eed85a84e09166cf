"""What is best: most answers under a latency target, or least latency, memory or cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.space import Candidate

OBJECTIVES = ("throughput", "latency", "memory", "cost")
_LEAST_NOISE = 0.02
_OF_ONE_ROUND = 0.1
_MOST_ERRORS = 0.0
_HOUR_S = 3600
_MILLION = 1e6


@dataclass(frozen=True)
class Objective:
    """How measurements are put in order.

    Attributes:
        word: One of `OBJECTIVES`.
        p99_ms: The target: the latency that 99 of 100 requests stay below. None for any.
        prices: For ``cost``: device, or kind of device such as ``cuda``, → its price an hour.
    """

    word: str = "throughput"
    p99_ms: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.word not in OBJECTIVES:
            raise TuningError(f"there is no objective {self.word!r}: use {', '.join(OBJECTIVES)}")
        if self.p99_ms is not None and not 0 < self.p99_ms < math.inf:
            raise TuningError(f"the p99 target must be above 0 ms, not {self.p99_ms!r}")
        if self.word == "cost" and not self.prices:
            raise TuningError(
                "the objective cost needs a price an hour: prices={'cpu': 0.1} (--price cpu=0.1)"
            )

    def check_devices(self, devices: "list[str] | tuple[str, ...]") -> None:
        """Raise `TuningError` where a device has no price, and needs one."""
        missing = [each for each in devices if self._price(each) is None]
        if self.word == "cost" and missing:
            raise TuningError(f"there is no price an hour for {', '.join(missing)}")

    def is_met(self, measured: Measurement) -> bool:
        """Whether all requests were answered, and soon enough."""
        return measured.error_rate <= _MOST_ERRORS and self.excess(measured) <= 0

    def excess(self, measured: Measurement) -> float:
        """How far the p99 is above the target, as a share of it; below 0 when it is met."""
        if self.p99_ms is None:
            return -1.0 if measured.answered else math.inf
        return measured.p99_ms / self.p99_ms - 1

    def value(self, candidate: Candidate, measured: Measurement) -> float:
        """What is made large: of latency, memory and cost the inverse."""
        if self.word == "throughput":
            return measured.throughput_rps
        amount = {
            "latency": measured.p99_ms,
            "memory": self.memory_mb(candidate, measured),
            "cost": self.cost_of_a_million(candidate, measured) or math.inf,
        }[self.word]
        return 1 / amount if amount > 0 else 0.0

    def rank(self, candidate: Candidate, measured: Measurement) -> tuple[bool, float]:
        """What candidates are compared by: those that meet the target first, then by value.

        Of those that do not, the nearest is the best.
        """
        if self.is_met(measured):
            return True, self.value(candidate, measured)
        return False, -(max(0.0, self.excess(measured)) + 10 * measured.error_rate)

    def is_better(
        self,
        one: tuple[Candidate, Measurement],
        other: tuple[Candidate, Measurement],
    ) -> bool:
        """Whether *one* is better than *other* by more than the noise of both."""
        met, value = self.rank(*one)
        other_met, other_value = self.rank(*other)
        if met != other_met:
            return met
        margin = noise_of(one[1], other[1]) * abs(other_value)
        return value > other_value + margin

    def memory_mb(self, candidate: Candidate, measured: Measurement) -> float:
        """The memory of the device that computes."""
        name = "memory_mb" if candidate.device in ("cpu", "mps") else "gpu_memory_mb"
        return measured.resources.get(name, math.inf)

    def cost_of_a_million(self, candidate: Candidate, measured: Measurement) -> float | None:
        """What a million answers cost at full load; None without a price."""
        price = self._price(candidate.device)
        if price is None or not measured.throughput_rps:
            return None
        return price / (measured.throughput_rps * _HOUR_S) * _MILLION

    def _price(self, device: str) -> float | None:
        return self.prices.get(device, self.prices.get(device.partition(":")[0]))


def noise_of(*measured: Measurement) -> float:
    """The largest noise of the measurements, as a share; of a single round it is not known."""
    return max(
        _LEAST_NOISE, *(_OF_ONE_ROUND if each.rounds == 1 else each.noise for each in measured)
    )

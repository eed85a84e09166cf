"""The search: successive halving over the grid, then steps around the best.

Each round of halving measures those that are left for longer, and drops the worse ones. One whose
value is within the noise of the last that stays is never dropped, so that the grid's best is not
lost to a bad moment. Then the neighbours of the best are measured, and those of what is better than
it by more than the noise, until nothing is or the budget ends.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ts_sdk.tuning.clock import Budget
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort
from ts_sdk.tuning.objective import Objective, noise_of
from ts_sdk.tuning.space import Candidate, Space, Variant

Measure = Callable[[Candidate, Effort], Measurement | None]
"""Gives what was measured of a candidate; None of one that is out."""

_KEPT = 3
"""One of so many stays, and is measured so many times as long."""
_FINALISTS = 3
_CHEAP_SHARE = 0.25
_COSTLY_S = 30.0
"""What a compiler takes at least, in seconds."""
_GRID_SHARE = 0.5
_HALVING_SHARE = 0.75
_ENOUGH = 1.5
"""Rounds, of three at most, after which a candidate counts as measured thoroughly."""
_SHORTEST_S = 0.25
_LONGEST_S = 3.0
_FEW = 20
"""Answers that say something about a candidate."""


@dataclass
class Search:
    """One search.

    Attributes:
        space: What is tuned.
        objective: What is best.
        measure: Measures a candidate.
        budget: The time that it may take; a measurement that has begun is brought to its end.
        first: A candidate that is measured before all others, such as the archive as it is.
        measured: Candidate → its longest measurement.
        unmeasured: Candidates of the grid that the budget has not sufficed for.
    """

    space: Space
    objective: Objective
    measure: Measure
    budget: Budget
    first: Candidate | None = None
    measured: dict[Candidate, Measurement] = field(default_factory=dict)
    unmeasured: tuple[Candidate, ...] = ()
    _failed: set[Candidate] = field(default_factory=set)

    def run(self) -> Candidate | None:
        """The best candidate; None when none could be measured."""
        grid = self.space.grid()
        if self.first is not None:
            grid = [self.first, *(each for each in grid if each != self.first)]
        effort = _first_effort(self.budget.seconds * _GRID_SHARE / max(1, len(grid)))
        left = self._measure_grid(grid, effort)
        effort = _longer(effort)
        while len(left) > _FINALISTS and self.budget.left_s(_HALVING_SHARE) > 0:
            left = self._survivors(left)
            for each in _by_pool(left):
                if self._fits(effort, _HALVING_SHARE):
                    self._try(each, effort)
            if effort.seconds >= _LONGEST_S:
                break
            effort = _longer(effort)
        best = self._confirmed(effort)
        if self.first in self.measured and self._fits(effort, 1.0):
            self._try_thoroughly(self.first, effort)  # what the others are compared with
        return None if best is None else self._refined(best, effort)

    def _measure_grid(self, grid: Sequence[Candidate], effort: Effort) -> list[Candidate]:
        """Measure the grid: of each variant one candidate, then all of the best variants first.

        What a compiler has to make comes when a part of the others is known, since a short budget
        may not suffice for it.
        """
        anchors = _anchors(grid)
        costly = [each for each in anchors if each.form.is_costly]
        self._measure_all([each for each in anchors if not each.form.is_costly], effort)
        others = [each for each in _scattered(grid) if not each.form.is_costly]
        self._measure_all(self._by_variant(others), effort, _CHEAP_SHARE)
        self._measure_costly(self._by_precision(costly), effort)
        made = {each.variant for each in self.measured}
        rest = [
            each for each in _scattered(grid) if each.variant in made or not each.form.is_costly
        ]
        self._measure_all(self._by_variant(rest), effort)
        self.unmeasured = tuple(
            each for each in grid if each not in self.measured and each not in self._failed
        )
        return [each for each in grid if each in self.measured]

    def _measure_all(
        self, candidates: Sequence[Candidate], effort: Effort, share: float = _GRID_SHARE
    ) -> None:
        """Measure those that are not, until *share* of the budget is used."""
        for each in candidates:
            is_new = each not in self.measured and each not in self._failed
            if is_new and (not self.measured or self._fits(effort, share)):
                self._try(each, effort)

    def _measure_costly(self, candidates: Sequence[Candidate], effort: Effort) -> None:
        """Measure what a compiler makes, as long as there is time for one more like the last."""
        takes_s = _COSTLY_S
        for each in candidates:
            if each in self.measured or self.budget.left_s(_GRID_SHARE) < takes_s:
                continue
            before_s = self.budget.used_s
            self._try(each, effort)
            takes_s = max(_COSTLY_S, self.budget.used_s - before_s)

    def _by_variant(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The same, those of the variants that have done best first; pools stay together."""
        order: dict[Variant, int] = {}
        for each in self._ordered([*self.measured]):
            order.setdefault(each.variant, len(order))
        return sorted(candidates, key=lambda each: order.get(each.variant, len(order)))

    def _by_precision(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The same, those on the device and in the precision that have done best first."""
        order: dict[tuple[str, str], int] = {}
        for each in self._ordered([*self.measured]):
            order.setdefault((each.device, each.precision), len(order))
        return sorted(
            candidates, key=lambda each: order.get((each.device, each.precision), len(order))
        )

    def _fits(self, effort: Effort, share: float) -> bool:
        return self.budget.left_s(share) >= effort.seconds

    def _try(self, candidate: Candidate, effort: Effort) -> bool:
        """Measure *candidate*; whether that has worked."""
        found = self.measure(candidate, effort)
        if found is None:
            self.measured.pop(candidate, None)
            self._failed.add(candidate)
            return False
        self.measured[candidate] = found
        return True

    def _try_thoroughly(self, candidate: Candidate, effort: Effort) -> None:
        if not self._is_known(candidate, effort):
            self._try(candidate, effort)

    def _survivors(self, left: Sequence[Candidate]) -> list[Candidate]:
        ordered = self._ordered(left)
        count = max(_FINALISTS, len(ordered) // _KEPT)
        last = ordered[:count][-1]
        return [*ordered[:count], *(each for each in ordered[count:] if self._may_be(each, last))]

    def _may_be(self, candidate: Candidate, last: Candidate) -> bool:
        """Whether *candidate* may be as good as *last* for all that is known."""
        met, value = self.objective.rank(candidate, self.measured[candidate])
        last_met, last_value = self.objective.rank(last, self.measured[last])
        noise = noise_of(self.measured[candidate], self.measured[last])
        return met == last_met and value >= last_value - noise * abs(last_value)

    def _ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        known = [each for each in candidates if each in self.measured]
        return sorted(
            known, key=lambda each: self.objective.rank(each, self.measured[each]), reverse=True
        )

    def _confirmed(self, effort: Effort) -> Candidate | None:
        """The best of all, measured as long as *effort* says: a short one may have been lucky."""
        while True:
            ordered = self._ordered([*self.measured])
            confirmed = [each for each in ordered if self._is_known(each, effort)]
            if not ordered or confirmed[:1] == ordered[:1]:
                return ordered[0] if ordered else None
            if not self._fits(effort, 1.0):
                lucky = bool(confirmed) and not self._beats(ordered[0], confirmed[0])
                return confirmed[0] if lucky else ordered[0]
            self._try(ordered[0], effort)

    def _refined(self, best: Candidate, effort: Effort) -> Candidate:
        """The best that lies beside *best*, or beside the best with other numbers of workers.

        With the workers the best batch changes, so that one step at a time does not lead from one
        number of workers to another.
        """
        starts: dict[int, Candidate] = {}
        for each in self._ordered([*self.measured]):
            if self.objective.is_met(self.measured[each]):
                starts.setdefault(each.workers, each)
        starts.pop(best.workers, None)
        for start in (best, *starts.values()):
            top = self._top_near(start, effort)
            if self._is_known(top, effort) and self._beats(top, best):
                best = top
        return best

    def _top_near(self, best: Candidate, effort: Effort) -> Candidate:
        """Where steps to better neighbours lead from *best*."""
        while True:
            better = best
            for each in _by_pool(self.space.neighbours(best)):
                if self._is_known(each, effort):
                    continue
                if not self._fits(effort, 1.0):
                    return better
                if self._try(each, effort) and self._beats(each, better):
                    better = each
            if better == best:
                return best
            best = better

    def _beats(self, one: Candidate, other: Candidate) -> bool:
        return one in self.measured and self.objective.is_better(
            (one, self.measured[one]), (other, self.measured[other])
        )

    def _is_known(self, candidate: Candidate, effort: Effort) -> bool:
        known = self.measured.get(candidate)
        return candidate in self._failed or (
            known is not None and known.rounds > 1 and known.seconds >= _ENOUGH * effort.seconds
        )


def _anchors(grid: Sequence[Candidate]) -> list[Candidate]:
    """The first of all, and of each variant the candidate in the middle of its settings."""
    of_variant: dict[Variant, list[Candidate]] = {}
    for each in grid:
        of_variant.setdefault(each.variant, []).append(each)
    for members in of_variant.values():
        members.sort(key=lambda each: (each.batch_size, each.workers, each.concurrency))
    middles = [members[len(members) // 2] for members in of_variant.values()]
    return list(dict.fromkeys([*grid[:1], *middles]))


def _scattered(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same, pool by pool in no order: those that a short budget suffices for are from all over.

    The order is the same each time, so that a resumed search meets what it has measured.
    """
    pools = _pools(candidates)
    random.Random(0).shuffle(pools)  # noqa: S311 - no secret
    return [each for members in pools for each in members]


def _by_pool(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same, those that one pool can be measured with side by side."""
    return [each for members in _pools(candidates) for each in members]


def _pools(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    pools: dict[Candidate, list[Candidate]] = {}
    for each in candidates:
        pools.setdefault(each.serving, []).append(each)
    return list(pools.values())


def _first_effort(share_s: float) -> Effort:
    """How thoroughly each candidate of the grid is measured, of its share of the budget."""
    seconds = min(_LONGEST_S, max(_SHORTEST_S, share_s / 2))
    return Effort(seconds, rounds=1, warm_up_s=seconds / 4, least=_FEW)


def _longer(effort: Effort) -> Effort:
    seconds = min(_LONGEST_S, effort.seconds * _KEPT**0.5)
    return Effort(seconds, rounds=3, warm_up_s=seconds / 4)

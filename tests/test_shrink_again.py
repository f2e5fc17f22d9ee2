"""Hunting again in less: halves of what was asked for, with other seeds; what is larger is not kept."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from harness.shrink import Bounds, Search, fails_in, freeze
from harness.shrink.again import MOST_SEEDS, WORK, Again, hunt_in_less
from harness.shrink.luck import TRIALS, one_less, other_luck
from harness.shrink.reductions import unless_larger
from harness.shrink.search import Spent
from harness.simulated import play
from harness.trial import Trial

LOCAL = Trial(
    protocol="tests.mutants.multipaxos:ReadsLocally",
    nemesis="partition,kill", nodes=3, threads=6, time_ms=4_000, seed="1",
)  # fmt: skip


def search_of(trial, check="linearizable", **bounds):
    return Search(freeze(trial, play(trial).run), check, bounds=Bounds(**bounds))


class Asks:
    """A search that notes what it is to try, and in which those fail that ``fails`` says do."""

    def __init__(self, best, fails):
        self.best, self.fails, self.tried = best, fails, []

    def attempt(self, candidates, seeds=None):
        assert seeds == ()
        for place, candidate in enumerate(candidates):
            self.tried.append(candidate)
            if self.fails(candidate):
                self.best = candidate
                return place
        return None


def test_what_is_asked_for_is_halved_as_long_as_it_fails():
    search = search_of(LOCAL)
    with search:
        least = hunt_in_less(search, LOCAL)[-1]

        assert least.time_ms * least.rate < LOCAL.time_ms * LOCAL.rate / 4
        assert least.ops is None
        assert search.best.seed != LOCAL.seed
        assert fails_in(search.best, "linearizable")
        assert replace(search.best, seed=LOCAL.seed) == least


@pytest.mark.parametrize(
    ("needed", "left"),
    [
        (lambda t: t.time_ms >= 2_000, {"time_ms": 2_000}),
        (lambda t: t.time_ms >= 4_000 and t.rate >= 50, {"rate": 50}),
        (lambda t: t.time_ms >= 4_000 and "kill" in t.nemesis, {"nemesis": "kill"}),
        (lambda t: t.time_ms >= 4_000 and t.rate >= 100, {"nemesis": "none"}),
        (lambda t: t.final, {"final": True}),
    ],
)
def test_what_the_failure_needs_is_left_of_what_was_asked_for(needed, left):
    least = hunt_in_less(Asks(LOCAL, needed), LOCAL)[-1]

    assert needed(least)
    for name, value in left.items():
        assert getattr(least, name) == value


def test_plans_of_ones_own_lose_what_comes_later():
    planned = replace(LOCAL, nemesis="none").with_plan(LOCAL.windows())
    least = hunt_in_less(Asks(planned, lambda t: t.time_ms >= 2_000), planned)[-1]

    assert 0 < len(least.windows()) < len(planned.windows())
    assert all(w.at_ms < least.time_ms for w in least.windows())


def test_a_hunt_in_less_is_bounded_and_tries_each_half_by_turns():
    search = Asks(LOCAL, lambda _: False)

    assert hunt_in_less(search, LOCAL) == [LOCAL]
    kinds = [(t.final, t.time_ms, t.rate, t.nemesis) for t in search.tried]
    assert len(set(kinds[:5])) == 5
    assert kinds[:5] == kinds[5:10]
    assert len({t.seed for t in search.tried}) == len(kinds) // 5 <= MOST_SEEDS
    assert sum(t.time_ms * t.rate // 1000 for t in search.tried) <= WORK


def test_of_a_trial_that_is_data_nothing_is_drawn():
    frozen = freeze(LOCAL, play(LOCAL).run)
    search = Asks(frozen, lambda _: True)

    assert hunt_in_less(search, frozen) == [frozen]
    assert search.tried == []


def test_what_is_found_again_is_another_trial_each_time_and_data():
    with search_of(LOCAL) as search:
        again, found = Again(search, LOCAL), []
        for _ in range(3):
            assert again.finds()
            found.append(search.best)
            assert search.best.ops is not None
            assert fails_in(search.best, "linearizable")

    assert len({trial.seed for trial in found}) == 3


def test_what_is_found_again_may_be_found_in_still_less():
    with search_of(LOCAL) as search:
        again, sizes = Again(search, LOCAL), []
        for _ in range(6):
            again.finds()
            least = again.steps[-1]
            sizes.append(least.time_ms * least.rate)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]


def test_where_the_least_needs_luck_what_was_asked_for_before_it_is_tried_again():
    """Turn by turn, back to what was asked for at first; and then from the least on again."""
    search = Asks(LOCAL, lambda t: t.time_ms >= 1_000)
    steps = hunt_in_less(search, LOCAL)
    assert len(steps) >= 3
    again, search.fails = Again(search, LOCAL), lambda _: False
    again.steps, asked = steps, []
    for _ in range(len(steps) + 1):
        search.tried.clear()
        assert not again.finds()
        asked.append(replace(search.tried[-1], seed=LOCAL.seed))

    assert asked == [*reversed(steps), steps[-1]]


@pytest.mark.parametrize("ended", [None, Spent])
def test_what_is_larger_is_not_kept_even_at_the_end(ended):
    few = LOCAL.with_ops(freeze(LOCAL, play(LOCAL).run).script()[:13])
    many = LOCAL.with_ops(freeze(LOCAL, play(LOCAL).run).script()[:20])
    for before, after in ((few, many), (few, LOCAL), (many, few)):
        search = Asks(before, None)
        with suppress(Spent), unless_larger(search):
            search.best = after
            if ended:
                raise ended
        assert search.best == few


# --- other luck -----------------------------------------------------------------------------------


def windows_of(trial):
    """How many it says that it has, even if these cannot be meant."""
    return len(json.loads(trial.plan or "[]"))


def test_a_part_less_is_tried_with_many_seeds_by_turns():
    """Two windows as one fail only with one seed of many."""
    frozen = freeze(LOCAL, play(LOCAL).run)
    trial = LOCAL.with_plan(frozen.windows()[:4]).with_ops(frozen.script()[:3])
    search = Asks(trial, lambda t: t.seed == "1/9" and windows_of(t) == 3)

    assert not other_luck(search, 0)
    assert len(search.tried) <= TRIALS
    seeds = {t.seed for t in search.tried}
    assert seeds == {f"0/{n}" for n in range(len(seeds))}
    assert len(seeds) > 10
    assert other_luck(search, 1)
    assert not other_luck(search, 1), "what is small needs no more luck"


def test_of_what_is_far_too_large_quarters_go():
    frozen = freeze(LOCAL, play(LOCAL).run)
    plan, ops = frozen.windows(), frozen.script()
    long = frozen.with_plan([replace(w, at_ms=w.at_ms + n * 4_000) for n in range(3) for w in plan])
    sizes = {(windows_of(t), len(t.script())) for t in one_less(long)}

    number = windows_of(long)
    assert (number, len(ops) - len(ops) // 4) in sizes
    assert (number - number // 4, len(ops)) in sizes
    assert (number - 1, len(ops)) not in sizes

"""What to play next: the strategies of ``harness sim --search``, behind one seam."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from random import Random

from harness.errors import UsageError
from harness.search.corpus import Corpus
from harness.search.priorities import prioritised
from harness.search.swarm import draw, swarmed
from harness.trial import Trial

AIMED = ("partition-leader", "kill-leader", "pause-leader", "aimed")


class Strategy(ABC):
    """Makes trials of a base. ``guided`` ones want to hear which features each trial showed."""

    guided = False

    def __init__(self, base: Trial) -> None:
        self.base = base

    @abstractmethod
    def propose(self, seed: str) -> Trial:
        """The trial for a seed that was not used before; after the same words, the same trial."""

    def learn(self, trial: Trial, features: Collection[int]) -> None:  # noqa: ARG002
        """Hear what a trial showed. Only ``guided`` strategies are told, and must listen."""
        assert not self.guided, "a guided strategy learns"


class Seeds(Strategy):
    """``random``: the base itself, one seed after another."""

    def propose(self, seed: str) -> Trial:
        return replace(self.base, seed=seed)


class Swarm(Strategy):
    """``swarm``: a configuration for each seed."""

    def propose(self, seed: str) -> Trial:
        return swarmed(replace(self.base, seed=seed))


class Priorities(Strategy):
    """``pct``: the base, in every trial with a priority schedule in the place of packet faults."""

    def propose(self, seed: str) -> Trial:
        return prioritised(replace(self.base, seed=seed))


class Targeted(Strategy):
    """``targeted``: the base, with faults aimed at the leader, the last writer and the last healed."""

    def propose(self, seed: str) -> Trial:
        return replace(self.base, seed=seed, nemesis=",".join(AIMED), plan=None)


class Guided(Strategy):
    """``coverage``: half swarm, half mutations of trials that showed something new."""

    guided = True

    def __init__(self, base: Trial) -> None:
        super().__init__(base)
        self.corpus = Corpus()

    def propose(self, seed: str) -> Trial:
        random = Random(f"{seed}/coverage")
        if not self.corpus.entries or random.getrandbits(1):
            return draw(random, replace(self.base, seed=seed))
        return self.corpus.offspring(random, seed)

    def learn(self, trial: Trial, features: Collection[int]) -> None:
        self.corpus.learn(trial, features)


STRATEGIES: Mapping[str, type[Strategy]] = {
    "random": Seeds,
    "swarm": Swarm,
    "pct": Priorities,
    "targeted": Targeted,
    "coverage": Guided,
}


def strategy(name: str, base: Trial) -> Strategy:
    """Raises UsageError where the base fixes what the strategy draws."""
    if name != "random" and (base.plan is not None or base.ops is not None):
        raise UsageError(
            f"--search {name} draws faults and load: it takes neither --plan nor --ops"
        )
    return STRATEGIES[name](base)

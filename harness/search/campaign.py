"""A campaign that is a search: a strategy proposes the trials, and hears what they showed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.search.coverage import Recorder
from harness.search.strategies import Strategy
from harness.simulated import Short, campaign, play, play_short, shortened
from harness.trial import Trial


def search(strategy: Strategy, seeds: Iterable[str], jobs: int) -> Iterator[Short]:
    """Play a trial for each seed on ``jobs`` processes; results come as they are ready.

    A guided strategy learns from each result before it proposes more. With one job the same seeds
    give the same trials; with several, what is proposed depends on which result came first, and each
    trial's own command line plays it again all the same.
    """
    proposed = (strategy.propose(seed) for seed in seeds)
    for short in campaign(proposed, jobs, play_watched if strategy.guided else play_short):
        if strategy.guided:
            strategy.learn(short.trial, short.features)
        yield short


def play_watched(trial: Trial) -> Short:
    """Play a trial and keep its outcome, and what it showed of the replicas' behaviour."""
    recorder = Recorder()
    played = play(trial, watch=recorder.watch)
    return shortened(trial, played, recorder.features(played.run.rows))

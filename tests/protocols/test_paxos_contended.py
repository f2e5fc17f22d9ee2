"""Five that propose, in a network that is three times slower than they were told, with a batch of one.

Found by a swarm (docs/search.md): each slot was a duel of all, two hundred messages long, so that after the
heal next to nobody was answered in time.
"""

from dataclasses import replace

import pytest

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial

TRIAL = Trial(
    protocol="paxos", nemesis="kill-majority,kill-all,aimed-pause-writer,aimed-kill-healed",
    time_ms=1_000, threads=20, rate=50, rtt_ms=2, client_timeout_ms=50, interval_ms=40, calm_ms=500,
    options={"batch": "1", "keep": "1"},
)  # fmt: skip


@pytest.mark.parametrize("seed", ["x4", "x18", "x22", "x23", "x31"])
def test_who_was_turned_away_often_lets_others_finish(seed):
    played = play(replace(TRIAL, seed=seed))
    assert played.results.outcome is Outcome.VALID

"""Every protocol of the table upon disks and clocks that fail: the same promises, or none at all."""

from __future__ import annotations

import pytest

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial
from nemesis import KINDS
from protocols import PROTOCOLS

SAFETY = ("linearizable", "agreement", "crashes")


@pytest.mark.parametrize("group", ["disk", "clock"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_keeps_its_word_under_every_kind_of(group, protocol):
    trial = Trial(
        protocol=protocol, nemesis=group, nodes=3, threads=6, time_ms=8_000, interval_ms=900,
        client_timeout_ms=300, seed="1",
    )  # fmt: skip
    played = play(trial)

    assert {window.fault.name for window in played.run.plan} == set(KINDS[group])
    verdicts = played.results.checks
    assert {name: verdicts[name].outcome for name in SAFETY if name in verdicts} == {
        name: Outcome.VALID for name in SAFETY if name in verdicts
    }

"""Priority schedules: whole, ordinary plans that play the same twice."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from harness.search.priorities import prioritised, schedule
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import Shape
from nemesis.plan import lanes, validate

BASE = Trial(protocol="abd", nodes=3, threads=3, time_ms=400, rate=100, keys=1, rtt_ms=5)


def delays(window):
    return {
        link: action.weather.delay_ms
        for action in window.fault.begin
        if isinstance(action, Shape)
        for link in action.links
    }


def test_windows_follow_each_other_and_cure_themselves():
    for seed in range(20):
        windows = schedule(Random(seed), 3, 500, depth=4, spread_ms=20)
        validate(windows, range(3))
        assert [w.at_ms + w.for_ms for w in windows[:-1]] == [w.at_ms for w in windows[1:]]


def test_at_a_change_point_one_link_falls_to_the_last_place():
    for seed in range(20):
        before, after = schedule(Random(seed), 3, 500, depth=2, spread_ms=20)
        first, then = delays(before), delays(after)
        fallen = [link for link, ms in then.items() if ms > first.get(link, 0)]
        assert len(fallen) <= 1
        assert max(then.values()) == 20


def test_other_faults_stay_and_packet_faults_give_way():
    trial = prioritised(replace(BASE, nemesis="kill-one,packet", interval_ms=80))
    names = [window.fault for window in trial.windows()]
    assert "kill-one" in names
    packets = [window for window in trial.windows() if "packet" in lanes(window.fault)]
    assert all(window.fault.name == "priorities" for window in packets)
    assert sum(window.for_ms for window in packets) == BASE.time_ms


def test_it_replays():
    trial = prioritised(BASE)
    assert play(trial).run.digest == play(trial).run.digest != play(BASE).run.digest

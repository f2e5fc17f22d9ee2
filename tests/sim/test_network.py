"""One link by itself: when what it carries arrives."""

from __future__ import annotations

from random import Random

from harness.sim.network import BLOCK, MS, US, Wire
from harness.sim.setup import PERFECT, Network
from nemesis.actions import CLEAR, Weather


def arrivals(wire: Wire, n: int) -> list[int]:
    return [ns for _ in range(n) for ns in wire.arrivals(wire.take())]


def test_a_late_message_takes_up_to_late_us():
    wire = Wire(0, 0, 1, Network(loss_permille=0, duplicate_permille=0, late_permille=500))
    took = arrivals(wire, 1_000)

    assert len(took) == 1_000
    assert min(took) >= 1_000 * US
    assert 40_000 * US < max(took) <= 50_001 * US
    assert 0.4 < sum(ns > 5_001 * US for ns in took) / 1_000 < 0.5


def test_weather_of_every_kind():
    def under(**weather: int) -> list[int]:
        wire = Wire(0, 0, 1, PERFECT)
        wire.shape(Weather(**weather))
        assert not wire.calm, "every message has to be looked at"
        return arrivals(wire, 1_000)

    delayed = under(delay_ms=50, jitter_ms=20)
    assert 31 * MS <= min(delayed) < 35 * MS
    assert 70 * MS < max(delayed) <= 75 * MS + 2
    assert 600 < len(under(loss_permille=300)) < 800
    assert 1_200 < len(under(duplicate_permille=300)) < 1_400
    ahead = [ns for ns in under(delay_ms=50, reorder_permille=300) if ns < 40 * MS]
    assert 200 < len(ahead) < 400


def test_after_the_weather_the_link_is_its_own_self_again():
    calm, past = Wire(0, 0, 1, PERFECT), Wire(0, 0, 1, PERFECT)
    past.shape(Weather(delay_ms=10, jitter_ms=5, loss_permille=10))
    before, stormy = arrivals(calm, 10), arrivals(past, 10)
    past.shape(CLEAR)

    assert before != stormy
    assert arrivals(calm, 10) == arrivals(past, 10)


def test_links_differ_and_so_do_directions_and_seeds():
    wires = [
        Wire(0, 0, 1, PERFECT),
        Wire(0, 1, 0, PERFECT),
        Wire(0, 0, 2, PERFECT),
        Wire(1, 0, 1, PERFECT),
    ]
    draws = [wire.take() for wire in wires]

    assert len(set(draws)) == len(draws)


def test_times_are_drawn_one_by_one_though_many_at_a_time():
    """As Random's own 52 bits a message would give them: 32 of delay, then 20 of fate."""
    network = Network(delay_us=(1_000, 3_000_000), loss_permille=300, late_permille=0)
    wire, draw = Wire(7, 0, 1, network), Random("7/net/0/1").getrandbits
    for _ in range(3 * BLOCK + 1):
        bits, taken = draw(52), wire.take()
        fate, delay = bits >> 32, bits & 0xFFFFFFFF
        if fate < (302 << 20) // 1000:
            assert taken == -1 - bits
        else:
            assert taken == 1_000 * US + (delay * (2_999_000 * US + 1) >> 32)

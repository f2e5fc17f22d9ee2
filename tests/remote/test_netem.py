"""The helper's decisions, on a queue that is a list; the kernel's queue is in tests/real."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import time
from collections import Counter

import pytest

from harness.remote import netem
from harness.remote.rootless import missing_capabilities

needs_a_network = pytest.mark.skipif(
    bool(missing_capabilities()),
    reason=f"a network of one's own needs {', '.join(missing_capabilities())}",
)

DROP, ACCEPT = 0, 1
SOURCE, OTHER = "10.0.0.2", "10.0.0.3"


class ListQueue:
    """The part of Queue that Sky uses."""

    def __init__(self) -> None:
        self.verdicts: list[tuple[int, int]] = []
        self.whole = False
        self.waiting: list[tuple[int, bytes]] = []

    def verdict(self, packet: int, verdict: int) -> None:
        self.verdicts.append((packet, verdict))

    def copy_whole(self, whole: bool) -> None:
        self.whole = whole

    def packets(self, most: int = 64):
        yield from self.waiting
        self.waiting = []


class Again:
    """Takes what is sent a second time."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, _address) -> None:
        self.sent.append(data)


def packet(source: str) -> bytes:
    return bytes(12) + bytes(map(int, source.split("."))) + bytes(4) + b"payload"


@pytest.fixture
def sky(monkeypatch) -> netem.Sky:
    monkeypatch.setattr(netem, "random", random.Random(1))
    made = netem.Sky(ListQueue())
    made._again = Again()
    return made


def take(sky: netem.Sky, n: int, source: str = SOURCE) -> Counter:
    for number in range(1, n + 1):
        sky.take(number, packet(source))
    return Counter(verdict for _, verdict in sky.queue.verdicts)


def test_without_a_rule_packets_pass(sky) -> None:
    sky.set_rules({OTHER: {"loss_permille": 1000}})
    assert take(sky, 5) == {ACCEPT: 5}


@pytest.mark.parametrize(("permille", "least", "most"), [(1000, 1000, 1000), (200, 150, 250)])
def test_loss_is_a_share(sky, permille, least, most) -> None:
    sky.set_rules({SOURCE: {"loss_permille": permille}})
    assert least <= take(sky, 1000)[DROP] <= most
    assert sky.counts["lost"] == Counter(v for _, v in sky.queue.verdicts)[DROP]


def test_a_constant_delay_keeps_the_order_and_lasts(sky) -> None:
    sky.set_rules({SOURCE: {"delay_ms": 20}})
    began = time.monotonic()
    assert take(sky, 3) == {}
    rest_s = sky.release_due()
    assert 0 < rest_s <= 0.02
    while sky.release_due() is not None:
        assert time.monotonic() - began < 5
    assert time.monotonic() - began >= 0.02
    assert sky.queue.verdicts == [(1, ACCEPT), (2, ACCEPT), (3, ACCEPT)]


def test_jitter_is_around_the_delay_and_changes_the_order(sky) -> None:
    sky.set_rules({SOURCE: {"delay_ms": 50, "jitter_ms": 40}})
    now_ns = time.monotonic_ns()
    take(sky, 200)
    delays_ms = [(due_ns - now_ns) / 1e6 for due_ns, *_ in sky.held]
    assert 10 <= min(delays_ms) < 20
    assert 80 < max(delays_ms) < 200
    by_due = [number for _, _, number, _ in sorted(sky.held)]
    assert by_due != sorted(by_due)


def test_some_overtake_the_delayed(sky) -> None:
    sky.set_rules({SOURCE: {"delay_ms": 1000, "reorder_permille": 300}})
    assert 200 <= take(sky, 1000)[ACCEPT] <= 400
    assert sky.counts["reordered"] + sky.counts["delayed"] == 1000


def test_a_distance_is_added_to_the_delay_and_those_that_overtake_have_it_too(sky) -> None:
    sky.set_rules({SOURCE: {"apart_us": 300_000, "delay_ms": 1000, "reorder_permille": 300}})
    now_ns = time.monotonic_ns()
    assert take(sky, 200) == {}
    delays_ms = sorted((due_ns - now_ns) / 1e6 for due_ns, *_ in sky.held)
    quick = [ms for ms in delays_ms if ms < 1000]
    assert 30 <= len(quick) <= 90
    assert quick[0] >= 300
    assert all(ms >= 1300 for ms in delays_ms[len(quick) :])


def test_duplicates_are_whole_and_come_after_the_packet_is_let_pass(sky) -> None:
    sky.set_rules({SOURCE: {"duplicate_permille": 1000}})
    assert sky.queue.whole
    assert take(sky, 2) == {ACCEPT: 2}
    assert sky._again.sent == [packet(SOURCE)] * 2
    sky.set_rules({})
    assert not sky.queue.whole


def test_at_the_end_all_that_is_held_or_waits_passes(sky) -> None:
    sky.set_rules({SOURCE: {"delay_ms": 10_000}})
    take(sky, 2)
    sky.queue.waiting = [(7, packet(SOURCE))]
    sky.release_all()
    assert sorted(sky.queue.verdicts) == [(1, ACCEPT), (2, ACCEPT), (7, ACCEPT)]
    assert sky.release_due() is None


def test_packets_for_which_there_was_no_room_are_counted(sky) -> None:
    sky.take(1, packet(SOURCE))
    assert sky.counts["missed"] == 0
    sky.take(4, packet(SOURCE))
    assert (sky.counts["handled"], sky.counts["missed"]) == (2, 2)


def test_a_packet_is_read_from_the_kernels_words() -> None:
    header = struct.pack(">IHBB", 42, 0x0800, 1, 0)[:7]
    attributes = netem.attribute(1, header) + netem.attribute(99, b"x") + netem.attribute(10, b"IP")
    data = bytes(20) + attributes
    assert netem._packet(data, 20, len(data)) == (42, b"IP")


@needs_a_network
def test_as_a_process_it_takes_a_free_queue_and_answers() -> None:
    """In a network namespace of its own."""
    inside = ["unshare", "--net", sys.executable, netem.__file__, "777"]
    said = subprocess.run(
        inside, input='{"rules": {}}\n{"counts": true}\n', capture_output=True, text=True, check=True
    )  # fmt: skip
    queue, *counts = map(json.loads, said.stdout.splitlines())
    assert queue == {"queue": 777}
    assert [count["handled"] for count in counts] == [0, 0]
    assert counts[0]["queue_dropped"] == counts[0]["user_dropped"] == 0


@needs_a_network
def test_a_queue_that_is_taken_is_left_to_its_owner() -> None:
    code = """
from harness.remote import netem
taken = netem.Queue(777)
print(netem.bind_free(777).number)
"""
    said = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=netem.Path(netem.__file__).parents[2],
    )  # fmt: skip
    assert said.stdout == "778\n"

"""A node's clocks: what a page says of them, and that a process which runs is told at once."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from harness.node import clock
from harness.node.clock import MS, PAGE_BYTES, Clock, Settings
from tests.node.processes import cluster

SECOND = 1000 * MS


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "clock"
    path.write_bytes(bytes(PAGE_BYTES))
    return str(path)


def ahead_ms(settings: Settings, at_ns: int) -> tuple[float, float]:
    wall_ns, monotonic_ns = settings.ahead_ns(at_ns)
    return wall_ns / MS, monotonic_ns / MS


def test_each_kind_of_fault_and_its_end() -> None:
    bumped = Settings().bumped(500).bumped(-200)
    assert ahead_ms(bumped, 7 * SECOND) == (300, 0)
    strobing = bumped.strobing(SECOND, -40, 100)
    at = [SECOND + ms * MS for ms in (0, 99, 100, 199, 200)]
    assert [ahead_ms(strobing, ns)[0] for ns in at] == [260, 260, 300, 300, 260]
    drifting = strobing.drifting(2 * SECOND, 200_000)
    assert ahead_ms(drifting, 3 * SECOND) == (500, 200)
    assert ahead_ms(drifting.reset(3 * SECOND), 9 * SECOND) == (0, 200)


def test_the_monotonic_clock_never_goes_back() -> None:
    random = Random("monotonic")
    settings, last_ns, at_ns = Settings(), 0, 0
    for _ in range(300):
        at_ns += random.randint(0, SECOND)
        match random.randrange(4):
            case 0:
                settings = settings.bumped(random.randint(-9_000, 9_000))
            case 1:
                settings = settings.strobing(at_ns, random.randint(-900, 900), 20)
            case 2:
                settings = settings.drifting(at_ns, random.randint(-500_000, 500_000))
            case _:
                settings = settings.reset(at_ns)
        now_ns = at_ns + settings.ahead_ns(at_ns)[1]
        assert now_ns >= last_ns
        last_ns = now_ns


def test_who_maps_a_page_is_told_of_what_is_written(page) -> None:
    told = Clock(page)
    assert abs(told.now_ms() - time.time_ns() // MS) < 1000
    assert told.real_s(3.0) == 3.0
    clock.write(page, "bump", 3_600_000)
    assert 3_599_000 < told.now_ms() - time.time_ns() // MS < 3_601_000
    clock.write(page, "drift", 500_000)
    assert told.real_s(3.0) == 2.0
    clock.write(page, "reset")
    assert abs(told.now_ms() - time.time_ns() // MS) < 1000
    assert told.real_s(3.0) == 3.0


def test_a_reading_is_of_one_moment(page) -> None:
    clock.write(page, "bump", -5_000)
    before_ns = time.monotonic_ns()
    reading = Clock(page).reading()
    assert before_ns <= reading["at_ns"] <= time.monotonic_ns()
    assert reading["monotonic_ns"] == reading["at_ns"]
    at_ns, wall_ns = clock.wall_at()
    behind_ns = wall_ns - at_ns - (reading["wall_ns"] - reading["at_ns"])
    assert behind_ns == pytest.approx(5 * SECOND, abs=10 * MS)


def test_a_writer_that_died_in_the_middle_stops_nobody(page) -> None:
    clock.write(page, "bump", 90_000)
    told = Clock(page)
    assert told.now_ms() > time.time_ns() // MS + 80_000
    words = bytearray(Path(page).read_bytes())
    words[0] += 1
    with Path(page).open("r+b") as file:
        file.write(words)
    assert told.now_ms() > time.time_ns() // MS + 80_000
    clock.write(page, "reset")
    assert told.now_ms() < time.time_ns() // MS + 1000


def test_what_is_no_page_is_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        Clock(str(tmp_path / "none"))
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(OSError, match="a page has 128 bytes"):
        Clock(str(tmp_path / "short"))


class Busy:
    """The time of a busy machine: who sleeps is woken by a tick."""

    def __init__(self, tick_ms: int) -> None:
        self.now_ns, self.tick_ns = 0, tick_ms * MS

    def monotonic_ns(self) -> int:
        self.now_ns += 1_000
        return self.now_ns

    time_ns = monotonic_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns = -(-(self.now_ns + round(seconds * 1e9)) // self.tick_ns) * self.tick_ns


@pytest.mark.parametrize("tick_ms", [1, 4, 10])
@pytest.mark.parametrize("period_ms", [1, 5, 20, 100])
def test_who_looks_is_not_in_step_with_a_strobe_even_where_ticks_wake_it(
    monkeypatch, period_ms, tick_ms
) -> None:
    busy = Busy(tick_ms)
    monkeypatch.setattr(clock, "time", busy)
    monkeypatch.setattr(
        clock, "_served", lambda _, count: ((busy.monotonic_ns(),) * 3 for _ in range(count))
    )
    asked = [at_ns for at_ns, _, _ in clock.look("", 1, 40)]
    assert len(asked) == 40
    sides = [at_ns // (period_ms * MS) % 2 for at_ns in asked]
    assert min(sides.count(0), sides.count(1)) >= 4


def test_a_running_node_is_told_and_says_so(page, tmp_path, capsys) -> None:
    """And one without a page is not: who looks sees the difference."""
    for arguments, wanted_ms in ((("--clock", page), 4_000), ((), 0)):
        base = tmp_path / str(wanted_ms)
        base.mkdir()
        with cluster(base, 1, *arguments) as solo:
            solo.start_all()
            (port,) = solo.http_ports
            assert clock.main(page, "bump", "4000") == 0
            ((_, wall_ns, monotonic_ns), _) = clock.look(page, port, 2)
            assert clock.main(page, "reset") == 0
            assert wall_ns / MS == pytest.approx(wanted_ms, abs=50)
            assert monotonic_ns == 0
    assert clock.main(page, "look", str(port), "1") == 1
    assert "refused" in capsys.readouterr().err

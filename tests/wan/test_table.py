"""The table of PROTOCOLS.md 6.3, measured in the simulator; and that what is not as predicted is seen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.cli import main
from harness.errors import UsageError
from harness.simulated import play
from harness.wan import forms, zones_of
from harness.wan.measured import Result, result, simulated, trial_of
from harness.wan.rows import Maker, Row, chosen, nearest_first
from harness.wan.scripts import interferer
from harness.wan.table import cells
from protocols import PROTOCOLS

FIVE = Maker("wan5", zones_of("wan5", 5), rounds=8)
NINE = Maker("wan9", zones_of("wan9", 9), rounds=6)


def one(maker: Maker, word: str) -> Row:
    (row,) = chosen(maker.all(), [word])
    return row


@pytest.mark.parametrize("row", FIVE.all(), ids=lambda row: row.name)
def test_each_site_s_mean_is_within_a_tenth_of_its_form(row) -> None:
    result = simulated(row, "wan5", FIVE.zones, "3")
    assert result.within(0.10, slack_ms=2), cells(result)
    off = result.off()
    assert off is not None
    assert abs(off) < 0.05


def test_so_it_is_for_zones_of_several_nodes() -> None:
    far = [row.name for row in NINE.all() if not simulated(row, "wan9", NINE.zones, "3").within(0.10, 2)]  # fmt: skip
    assert far == []


def test_a_leader_that_is_elsewhere_is_seen() -> None:
    """Red: what is measured is not what the form is of."""
    row = one(FIVE, "Multi-Paxos, leader oregon")
    moved = replace(row, options={**row.options, "leader": "virginia"})
    result = simulated(moved, "wan5", FIVE.zones, "3")
    assert not result.within(0.10, slack_ms=2)


def test_a_protocol_that_takes_a_hop_more_is_seen() -> None:
    """Red: the fast path never taken is the slow path."""
    row = one(FIVE, "fast path")
    slow = replace(one(FIVE, "slow path"), predicted=row.predicted)
    assert not simulated(slow, "wan5", FIVE.zones, "3").within(0.10, slack_ms=2)


def test_a_site_that_was_not_answered_has_no_mean() -> None:
    row = one(FIVE, "ABD")
    silent = [{"at_ms": 0, "for_ms": 60_000, "fault": {"name": "n2", "begin": [
        {"do": "kill", "node": 1}], "end": [{"do": "start", "node": 1}]}}]  # fmt: skip
    trial = replace(trial_of(row, "wan5", "3"), plan=json.dumps(silent))
    played = play(trial)
    found = result(row, FIVE.zones, played.history, "valid")
    assert found.measured[1] is None
    assert found.why == "not all ops were answered at n2"
    assert not found.within(1.0, slack_ms=1000)
    assert cells(found)[2].startswith("- / ")


def test_an_invalid_history_is_never_near() -> None:
    row = one(FIVE, "ABD")
    exact = Result(row=row, predicted=row.predicted, measured=list(row.predicted), outcome="valid")
    assert exact.within(0.0, 0.0)
    for outcome in ("invalid", "invalid-harness", "unknown"):
        assert not replace(exact, outcome=outcome).within(1.0, 1000)


# --- how it is asked --------------------------------------------------------------------------------


def test_who_makes_a_read_take_the_slow_path() -> None:
    """A write that the reader's own site hears of too late, and of whose commit it hears in time."""
    matrix = FIVE.matrix
    for site in range(5):
        other, before_ms = interferer(matrix, site)
        assert other != site
        assert 0 <= before_ms < matrix[site][other] / 2
        assert any(
            matrix[other][q] / 2 - before_ms < matrix[site][q] / 2 for q in range(5) if q != site
        )


def test_the_chain_goes_from_each_to_the_nearest() -> None:
    order = [FIVE.places[node] for node in nearest_first(FIVE.matrix)]
    assert order == ["virginia", "california", "oregon", "tokyo", "ireland"]
    assert one(FIVE, "Chain").places == tuple(order)


def test_no_op_waits_for_a_client() -> None:
    """Each client's ops are at least as far apart as the slowest answer."""
    for row in FIVE.all():
        last: dict[int, int] = {}
        for op in row.script.ops:
            if isinstance(op.value, int) and op.value < 0:
                continue
            assert op.at_ns - last.get(op.thread, -(10**12)) >= 900 * 10**6, row.name
            last[op.thread] = op.at_ns


def test_rows_are_chosen_by_a_word_of_their_names() -> None:
    assert [r.name for r in chosen(FIVE.all(), ["abd", "MENCIUS"])] == ["ABD", "Mencius"]
    with pytest.raises(UsageError, match=r"no row has 'zab' in its name: Multi-Paxos, leader"):
        chosen(FIVE.all(), ["zab"])


def test_each_protocol_has_a_row() -> None:
    assert {row.protocol for row in FIVE.all()} == set(PROTOCOLS)


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    def go(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["wan", *words])
        return int(str(ended.value.code or 0)), capsys.readouterr().out

    return go


def test_it_prints_the_table_and_ends_with_0(run, tmp_path) -> None:
    page = tmp_path / "table.md"
    code, said = run("abd", "leader oregon", "--rounds", "4", "--markdown", str(page))
    assert code == 0, said
    assert "3 of 3 rows are within 10% or 3 ms of their forms at each site" in said
    assert "177 / 176" in said or "178 / 176" in said
    assert page.read_text().splitlines()[0].startswith("| wan5: means, simulated | virginia |")


def test_what_is_not_near_enough_is_named_and_ends_with_1(run) -> None:
    code, said = run("chain", "--rounds", "4", "--within", "1")
    assert code == 1
    assert "not: Chain virginia > california" in said


def test_who_interrupts_it_is_shown_what_there_is(run, monkeypatch) -> None:
    def stop(row, *_):
        if row.name == "Mencius":
            raise KeyboardInterrupt
        return Result(row=row, predicted=[1.0] * 5, measured=[1.0] * 5, outcome="valid")

    monkeypatch.setattr("harness.commands.wan.simulated", stop)
    code, said = run("abd", "mencius")
    assert code == 130
    assert "interrupted" in said
    assert "ABD" in said


def test_hosts_without_zones_are_no_wan(tmp_path) -> None:
    path = tmp_path / "flat.toml"
    path.write_text("".join(f'[[hosts]]\naddress = "192.0.2.{i}"\n' for i in range(1, 4)))
    with pytest.raises(UsageError, match="its hosts need zones"):
        Maker(str(path), zones_of(str(path), 3), 4).all()


def test_it_predicts_without_measuring(run) -> None:
    code, said = run("--predict", "chain")
    assert code == 0
    assert said.split("\n")[1].split()[-6:] == ["236", "308", "308", "236", "374", "293"]


def test_shapes_that_a_user_would_assert() -> None:
    """PROTOCOLS.md 6.3, on what was measured."""

    def mean_of(word: str) -> float:
        found = [m for m in simulated(one(FIVE, word), "wan5", FIVE.zones, "3").measured if m is not None]  # fmt: skip
        return forms.mean(found)

    fast, abd = mean_of("fast path"), mean_of("ABD")
    leaders = {
        zone: mean_of(f"Multi-Paxos, leader {zone}") for zone in FIVE.zones if zone != "oregon"
    }
    assert all(fast < ms for ms in leaders.values())
    slow = simulated(one(FIVE, "slow path"), "wan5", FIVE.zones, "3").measured[1]
    led = simulated(one(FIVE, "Multi-Paxos, leader california"), "wan5", FIVE.zones, "3").measured[
        1
    ]
    assert (slow or 0) > 1.5 * (led or 999), "at the leader's site"
    assert abd == pytest.approx(2 * fast, rel=0.05)
    assert mean_of("Mencius") > fast
    assert mean_of("Chain") > max(leaders.values())
    assert mean_of("90 %") / fast == pytest.approx(12 / 96, rel=0.15)
    assert mean_of("70 %") / fast == pytest.approx(34 / 96, rel=0.10)

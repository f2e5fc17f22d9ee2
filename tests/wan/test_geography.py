"""Wide-area set-ups: where nodes are, how far apart, and what that makes of a protocol's latencies."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import median

import pytest

from checker.history import OK, History
from harness.errors import UsageError
from harness.sim import NETWORKS
from harness.simulated import play, setup_of
from harness.trial import Trial
from harness.wan import hosts_in, longest_ms, network_of, round_trips_ms, zones_of

FIVE = ("virginia", "california", "oregon", "ireland", "tokyo")


def test_the_inventories_say_where_nodes_are_and_how_far_apart() -> None:
    assert (hosts_in("wan5"), hosts_in("wan9")) == (5, 9)
    assert zones_of("wan5", 5) == FIVE
    assert zones_of("wan9", 9) == ("virginia",) * 3 + ("oregon",) * 3 + ("ireland",) * 3
    matrix = round_trips_ms("wan5", FIVE)
    assert matrix[0] == (0, 72, 88, 81, 145)
    assert all(matrix[a][b] == matrix[b][a] for a in range(5) for b in range(5))
    assert round_trips_ms("wan9", zones_of("wan9", 9))[0] == (0, 0, 0, 88, 88, 88, 81, 81, 81)
    assert longest_ms("wan5", FIVE) == 212 + 3
    assert longest_ms("wan5", FIVE[:3]) == 88 + 3


def test_a_trial_has_them_as_zones_links_and_the_round_trip_to_expect() -> None:
    trial = Trial(protocol="abd", nodes=3, wan="wan5", zones="virginia,california,oregon")
    setup = setup_of(trial)

    assert setup.zones == FIVE[:3]
    assert setup.network.apart_us[0] == (0, 36_000, 44_000)
    assert setup.network.loss_permille == NETWORKS["hostile"].loss_permille
    assert network_of(Trial(protocol="abd")) == NETWORKS["hostile"]
    steady = network_of(Trial(protocol="abd", nodes=3, wan="wan5", network="steady"))
    assert steady.delay_us[0] == steady.delay_us[1]


def test_the_command_line_of_a_trial_names_its_geography() -> None:
    zones = ",".join(zones_of("wan9", 9))
    far = Trial(protocol="abd", wan="wan9", nodes=9, zones=zones, seed="1")
    moved = replace(far, zones="oregon,ireland")
    for verb in ("sim", "test"):
        assert "--wan wan9" in far.command(verb)
        assert "--zones" not in far.command(verb), "the inventory has them"
        assert "--wan wan9 --zones oregon,ireland" in moved.command(verb)
    assert "--zones a,b" in Trial(protocol="abd", zones="a,b").command("sim")


def test_what_cannot_be_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="--nodes 7: wan5 has 5 hosts"):
        zones_of("wan5", 7)
    with pytest.raises(UsageError, match="there is no inventory wan6"):
        hosts_in("wan6")
    gap = tmp_path / "gap.toml"
    gap.write_text(
        '[[hosts]]\naddress = "192.0.2.1"\nzone = "eu"\n[[hosts]]\naddress = "192.0.2.2"\nzone = "us"\n'
    )
    with pytest.raises(UsageError, match=r"no \[\[rtt\]\] between 'eu' and 'us'"):
        round_trips_ms(str(gap), zones_of(str(gap), 2))
    with pytest.raises(UsageError, match="there are no two zones"):
        Trial(protocol="abd", nemesis="kill-zone").windows()
    with pytest.raises(UsageError, match="needs to know the zone"):
        Trial(protocol="abd", plan='[{"at_ms":1,"for_ms":2,"fault":"partition-zone"}]').windows()


def medians_ms(protocol: str) -> list[float]:
    """The median latency at each node, an op at a time, each upon a key of its own."""
    trial = Trial(
        protocol=protocol, wan="wan5", rtt_ms=215, network="perfect", nodes=5, threads=5, rate=10,
        keys=100, time_ms=30_000, seed="2",
    )  # fmt: skip
    rows = play(trial).run.rows
    took: dict[int | None, list[float]] = defaultdict(list)
    for op in History.of(rows).ops():
        if op.completed is not None and rows[op.completed].type == OK:
            invoked = rows[op.invoked]
            took[invoked.node].append((rows[op.completed].time_ns - invoked.time_ns) / 1e6)
    return [median(took[node]) for node in range(5)]


@pytest.mark.parametrize(
    ("protocol", "predicted"),
    [("epaxos", (80, 72, 88, 137, 102)), ("abd", (161, 144, 176, 274, 205))],
)
def test_latencies_are_those_that_the_round_trips_predict(protocol, predicted) -> None:
    """PROTOCOLS.md 6.3: one round trip to the nearest fast quorum, and two to the nearest majority."""
    assert medians_ms(protocol) == pytest.approx(predicted, rel=0.05)


def test_faults_of_zones_are_on_under_a_wan() -> None:
    trial = Trial(
        protocol="abd", nodes=5, wan="wan5", zones=",".join(FIVE), rtt_ms=215, time_ms=10_000,
        nemesis="partition-zone,kill-zone", client_timeout_ms=2_000, seed="3",
    )  # fmt: skip
    played = play(trial)
    names = {window.fault.name for window in played.run.plan}
    assert names == {"partition-zone", "kill-zone"}
    assert played.results.outcome.exit_code == 0

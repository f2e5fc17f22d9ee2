"""Each fault on hosts made on this machine, over SSH. Run in a sandbox by test_faults.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest

from harness.errors import CapabilityError
from harness.remote import distances
from harness.remote.cluster import LocalCluster
from harness.remote.faults import Injector
from harness.remote.ssh import SshRemote
from nemesis import FAULTS
from nemesis.actions import (
    CLEAR,
    Cut,
    Kill,
    Mend,
    Pause,
    Shape,
    Start,
    Weather,
)
from nemesis.resolution import resolve
from tests.real import sleepers
from tests.waiting import wait_until

NODES = 5
IPTABLES = "/usr/sbin/iptables"


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(NODES) as made:
        yield made


@pytest.fixture(scope="module")
def remotes(cluster) -> Iterator[dict[int, SshRemote]]:
    made = {node: SshRemote(host) for node, host in enumerate(cluster.hosts)}
    yield made
    for remote in made.values():
        remote.close()


@pytest.fixture(scope="module")
def injector(remotes) -> Iterator[Injector]:
    made = sleepers.injector(remotes, "trial")
    yield made
    assert sum(counts["missed"] for counts in made.packet_counts().values()) == 0
    assert made.close() == []
    all_gone(remotes, "trial")


def traces(remote: SshRemote, tag: str) -> list[str]:
    """What there is on a host of the run with this tag."""
    looks = [
        f"{IPTABLES} -S | grep {tag}",
        f"{IPTABLES} -t mangle -S | grep {tag}",
        f"ls -d /run/nemesis/{tag}.json /var/tmp/{tag}/agent",
        f"pgrep -f 'python.* /var/tmp/{tag}/agent/'",
    ]
    script = "; ".join(looks)
    # Not by -c: pgrep would see the pattern in its own shell's command line.
    said = remote.run(["sh", "-s"], stdin=script.encode(), check=False, root=True)
    return said.stdout.splitlines()


def all_gone(remotes: Mapping[int, SshRemote], tag: str) -> None:
    """Nothing of the run is left: an agent ends a moment after its connection."""
    for remote in remotes.values():
        wait_until(lambda r=remote: not traces(r, tag), 10, f"{remote.host.name}: {tag} is left")


def bits(proofs) -> list[bool]:
    return [proof["bit"] for proof in proofs]


ASKED = ("disk", "clock", "membership", "handover")
"""What sleeps here has no journal, clock, members or leader: these are broken, and change, in test_trials."""
ON_HOSTS = [name for name in FAULTS if name.partition("-")[0] not in ASKED]


@pytest.mark.parametrize("name", ON_HOSTS)
def test_a_fault_bites_and_heals(injector, name) -> None:
    zones = ["eu" if node % 2 else "us" for node in range(NODES)]
    fault = resolve(name, Random(7), range(NODES), (1,), zones)
    began = injector.perform(fault.begin)
    assert bits(began) == [True] * len(fault.begin), json.dumps(began, indent=1)
    ended = injector.perform(fault.end)
    assert bits(ended) == [True] * len(fault.end), json.dumps(ended, indent=1)
    print(name, {p["ms"] for p in began}, {p["ms"] for p in ended})


def test_a_cut_is_of_these_links_and_one_way(injector) -> None:
    injector.perform((Cut(((0, 1),)),))
    good, saw = injector.prober.prove_links(injector.network.links)
    injector.perform((Mend(((0, 1),)),))
    assert all(good.values())
    assert [link for link, count in saw["arrived"].items() if count == 0] == ["0>1"]


def test_a_partition_begins_and_is_proven_soon(injector) -> None:
    """Five nodes, under 300 ms; the best of three, since others work on this machine."""
    took_ms = []
    for _ in range(3):
        fault = resolve("partition-halves", Random(1), range(NODES))
        took_ms += [proof["ms"] for proof in injector.perform(fault.begin)]
        injector.perform(fault.end)
    assert min(took_ms) < 300


def test_a_cut_that_somebody_undid_did_not_bite(injector, remotes, monkeypatch) -> None:
    """Red: the rule is deleted behind our back, between the command and the proof."""
    send = injector._send

    def sabotaged(actions):
        done = send(actions)
        remotes[3].run([IPTABLES, "-w", "-F", injector.facts.chain], root=True)
        return done

    monkeypatch.setattr(injector, "_send", sabotaged)
    cut, other = injector.perform((Cut(((0, 3),)), Cut(((0, 2),))))
    monkeypatch.undo()
    assert (cut["bit"], other["bit"]) == (False, True)
    assert cut["saw"]["arrived"]["0>3"] > 0
    assert bits(injector.perform((Mend(((0, 3),)), Mend(((0, 2),))))) == [True, True]


def test_a_mend_that_does_not_heal_is_seen(injector, remotes) -> None:
    """Red: a rule that is not ours keeps the link cut."""
    address = remotes[0].host.peer_address
    rule = ["INPUT", "-s", address, "-p", "udp", "-j", "DROP"]
    remotes[1].run([IPTABLES, "-w", "-A", *rule], root=True)
    injector.perform((Cut(((0, 1),)),))
    (mend,) = injector.perform((Mend(((0, 1),)),))
    assert not mend["bit"]
    assert not all(bits(injector.heal()))
    remotes[1].run([IPTABLES, "-w", "-D", *rule], root=True)
    assert all(bits(injector.heal()))


def test_weather_without_its_helper_did_not_bite(injector, remotes) -> None:
    """Red: packets do not go through the helper any more; so they have no delay."""
    shape = Shape(((0, 1), (1, 0)), Weather(delay_ms=60))
    assert bits(injector.perform((shape,))) == [True]
    for node in (0, 1):
        remotes[node].run([IPTABLES, "-w", "-t", "mangle", "-F", injector.facts.chain], root=True)
    bit, saw = injector.prober.prove_weather(shape.links, shape.weather)
    assert not bit
    assert "0>1" in saw["problems"]
    assert bits(injector.perform((Shape(shape.links, CLEAR),))) == [True]


def test_weather_that_stays_is_seen(injector) -> None:
    """Red: a delay is still there, but we think that it is over."""
    shape = Shape(((2, 3),), Weather(delay_ms=40, jitter_ms=20))
    injector.perform((shape,))
    injector.network.weather.clear()
    bit, saw = injector.prober.prove_weather(shape.links, CLEAR)
    assert not bit, saw
    assert all(bits(injector.heal()))


def test_weather_under_a_cut_is_said_to_be_hidden(injector) -> None:
    injector.perform((Cut(((0, 1),)),))
    (proof,) = injector.perform((Shape(((0, 1), (2, 3)), Weather(delay_ms=30)),))
    assert proof["bit"]
    assert proof["saw"]["hidden by a cut"] == ["0>1"]
    assert all(bits(injector.heal()))


def test_one_way_weather_is_on_one_link_only(injector) -> None:
    injector.perform((Shape(((0, 1),), Weather(delay_ms=50)),))
    _, saw = injector.prober.prove_weather([(0, 1), (2, 1), (0, 2)], CLEAR)
    injector.perform((Shape(((0, 1),), CLEAR),))
    rises = {link: seen["rtt_rise_ms"]["median"] for link, seen in saw["links"].items()}
    assert rises["0>1"] > 45 > max(rises["2>1"], rises["0>2"])


def test_killing_what_is_dead_did_not_bite(injector) -> None:
    assert bits(injector.perform((Kill(4),))) == [True]
    (again,) = injector.perform((Kill(4),))
    assert not again["bit"]
    assert bits(injector.perform((Start(4),))) == [True]


def test_heal_ends_everything_at_once_and_may_be_repeated(injector) -> None:
    injector.perform((
        Cut(((0, 1), (2, 1))), Pause(0), Pause(1), Kill(2), Shape(((3, 4),), Weather(delay_ms=20)),
    ))  # fmt: skip
    healed = injector.heal()
    assert all(bits(healed)), healed
    assert {proof["action"]["do"] for proof in healed} == {"resume", "start", "mend", "shape"}
    assert all(bits(injector.heal()))


def test_heal_after_a_perform_that_was_broken_off(injector, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(injector.prober, "prove_links", interrupted)
    with pytest.raises(KeyboardInterrupt):
        injector.perform((Cut(((0, 1),)),))
    monkeypatch.undo()
    assert all(bits(injector.heal()))


def test_a_second_run_leaves_the_first_one_alone(injector, remotes) -> None:
    """Another tag on the same hosts: its prepare sweeps only what is nobody's."""
    remotes[0].run([IPTABLES, "-w", "-N", "NEMESIS-orphan"], root=True)
    remotes[0].run([IPTABLES, "-w", "-I", "INPUT", "-j", "NEMESIS-orphan"], root=True)
    injector.perform((Cut(((0, 1),)),))
    other = Injector(remotes, sleepers.Sleepers("/var/tmp/other"), "/var/tmp/other", "other")
    other.network.cut.add((0, 1))
    with pytest.raises(CapabilityError, match="n1 to n2"):
        other.prepare()
    rules = remotes[0].run([IPTABLES, "-S"], root=True).stdout
    assert "orphan" not in rules
    assert injector.facts.chain in rules
    good, _ = injector.prober.prove_links([(0, 1)])
    assert good[0, 1]
    assert all(bits(injector.heal()))


def test_the_hosts_heal_themselves_when_the_controller_is_killed(cluster, remotes) -> None:
    """kill -9 of the controller: no rule, no stopped process, no file and no node is left."""
    described = json.dumps([asdict(host) for host in cluster.hosts])
    controller = subprocess.Popen(
        [sys.executable, "-m", "tests.real.sleepers", described],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(controller.stdout.readline()) == [True, True]
    assert len(traces(remotes[1], "doomed")) >= 5
    os.kill(controller.pid, signal.SIGKILL)
    controller.communicate()
    began = time.monotonic()
    for remote in remotes.values():
        wait_until(lambda r=remote: _clean(r), 10, f"{remote.host.name} was not healed")
    print(f"healed {time.monotonic() - began:.2f} s after the controller was killed")


def _clean(remote: SshRemote) -> bool:
    works_there = remote.run(["sh", "-c", "readlink /proc/[0-9]*/cwd"], check=False, root=True)
    gone = remote.run(["test", "-e", "/var/tmp/doomed"], check=False).status != 0
    return gone and "doomed" not in works_there.stdout and traces(remote, "doomed") == []


def test_what_an_agent_that_was_killed_too_has_left_is_undone_by_the_next(remotes) -> None:
    first = sleepers.injector(remotes, "first")
    assert bits(first.perform((Cut(((0, 1),)), Pause(1)))) == [True, True]
    pid = first.system.pid(1, remotes[1])
    agent, _ = json.loads(remotes[1].get("/run/nemesis/first.json"))["agent"]
    remotes[1].run(["kill", "-KILL", str(agent)], root=True)
    second = sleepers.injector(remotes, "second")
    assert second.agents.swept[1] == ["first"]
    assert all(bits(second.heal()))
    assert remotes[1].run(["kill", "-0", str(pid)], check=False, root=True).status != 0
    assert second.close() == []
    assert traces(remotes[1], "first") == traces(remotes[1], "second") == []
    assert first.close() == []


# --- distances ------------------------------------------------------------------------------------

FAR = {(a, b): 40 if 4 in {a, b} else 0 for a in range(NODES) for b in range(NODES) if a != b}
"""n5 is 40 ms from the others."""


@pytest.fixture(scope="module")
def apart(remotes) -> Iterator[Injector]:
    made = sleepers.injector(remotes, "apart", rtt_ms=FAR)
    yield made
    assert made.close() == []
    all_gone(remotes, "apart")


def test_distances_stand_under_all_that_comes_and_goes(apart) -> None:
    assert distances.prove(apart.prober, FAR)["bit"]
    links = ((0, 4), (4, 0), (0, 1))
    slow = Shape(links, Weather(delay_ms=30, jitter_ms=10, loss_permille=50))
    assert bits(apart.perform((Cut(((1, 4), (4, 1))), slow))) == [True, True]
    assert bits(apart.perform((Mend(((1, 4), (4, 1))), Shape(links, CLEAR)))) == [True, True]
    assert distances.prove(apart.prober, FAR)["bit"]
    apart.perform((Cut(((1, 4),)), slow, Pause(3)))
    assert all(bits(apart.heal()))
    assert all(bits(apart.heal()))
    proof = distances.prove(apart.prober, FAR)
    assert proof["bit"], proof


def test_distances_that_are_lost_are_seen(apart, remotes, monkeypatch) -> None:
    """Red: behind our back, what comes to n5 is kept from the helper."""
    remotes[4].run([IPTABLES, "-w", "-t", "mangle", "-F", apart.facts.chain], root=True)
    with monkeypatch.context() as patch:
        patch.setattr(distances, "PATIENCE_S", 0.2)
        proof = distances.prove(apart.prober, FAR)
    assert not proof["bit"]
    assert {"0>4", "4>0"} <= set(proof["saw"]["problems"])
    assert all(bits(apart.heal())), "healing makes them anew"
    assert distances.prove(apart.prober, FAR)["bit"]

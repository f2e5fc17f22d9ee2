"""The injector where hosts lack something, refuse, or vanish. That faults bite is in tests/real."""

from __future__ import annotations

import subprocess

import pytest

from harness.errors import CapabilityError, CommandError, RemoteError
from harness.remote.faults import Injector
from nemesis.actions import Cut, Kill, Mend, Pause, Resume, Start
from tests.remote.agents import LocalRemote, said

LOOKED = "iptables=/sbin/iptables\ndevice=eth0\n"
SET_UP, LOOK, HEAL, TEAR_DOWN = "-N NEMESIS", "command -v", "status=0\nif", "while /sbin"


class Sleepers:
    """``pids`` are what runs, by node: real processes of this machine, or made up."""

    name = "sleepers"

    def __init__(self, spawn) -> None:
        self.spawn, self.pids = spawn, {}

    def start(self, node, remote) -> None:
        self.pids[node] = self.spawn()

    def pid(self, node, remote):
        process = self.pids.get(node)
        return process.pid if process is not None and process.poll() is None else None


@pytest.fixture
def spawn():
    made = []

    def begin():
        made.append(subprocess.Popen(["sleep", "60"]))
        return made[-1]

    yield begin
    for process in made:
        process.kill()
        process.wait()


@pytest.fixture
def remotes():
    """Two hosts that are this machine at two addresses; iptables is only said to be there."""
    made = {node: LocalRemote(f"h{node + 1}", f"127.0.0.{node + 1}") for node in range(2)}
    for remote in made.values():
        remote.answers = {LOOK: said(LOOKED), SET_UP: said(""), "DROP": said("")}
        remote.answers |= {HEAL: said(""), TEAR_DOWN: said("")}
    return made


@pytest.fixture
def make(remotes, spawn, tmp_path):
    made = []

    def begin(**options) -> Injector:
        directory = tmp_path / "run"
        injector = Injector(
            remotes, Sleepers(spawn), str(directory), "t", ledgers=str(tmp_path / "ledgers"),
            **{"leave_running": True, **options},
        )  # fmt: skip
        made.append(injector)
        return injector

    yield begin
    for injector in made:
        injector.close()


@pytest.fixture
def one(make, remotes):
    """An injector of a single host, prepared."""
    del remotes[1]
    injector = make()
    injector.prepare(weather=False)
    injector.system.start(0, remotes[0])
    return injector


def bits(proofs) -> list[bool]:
    return [proof["bit"] for proof in proofs]


def test_two_nodes_on_one_host_are_refused(remotes) -> None:
    with pytest.raises(CapabilityError, match="a host for each node"):
        Injector({0: remotes[0], 1: remotes[0]}, Sleepers(None), "/var/tmp/x", "t")


def test_a_tag_that_is_no_name_is_refused(remotes) -> None:
    with pytest.raises(ValueError, match="tag 'a b'"):
        Injector(remotes, Sleepers(None), "/var/tmp/x", "a b")


def test_a_host_without_iptables_is_named(make, remotes) -> None:
    remotes[1].answers[LOOK] = said("device=eth0\n")
    with pytest.raises(CapabilityError, match="h2: no iptables that works"):
        make().prepare()


def test_a_kernel_that_can_not_hold_packets_is_named(make, remotes, tmp_path) -> None:
    """Neither netem nor a queue: the helper is not root here, or is made to fail."""
    del remotes[1]
    remotes[0].put = lambda data, path, mode=0o644: LocalRemote.put(
        remotes[0], data if path.endswith("agent.py") else b"exit('Operation not permitted')", path
    )
    with pytest.raises(CapabilityError, match=r"h1 can neither delay nor lose.*not permitted"):
        make().prepare()
    assert not (tmp_path / "run").exists(), "the agent has left its files"


def test_a_set_up_that_fails_ends_the_agents(make, remotes, tmp_path) -> None:
    del remotes[1]
    remotes[0].answers[SET_UP] = said("", status=4)
    injector = make()
    with pytest.raises(CommandError):
        injector.prepare(weather=False)
    assert injector.agents.links == {}
    assert not (tmp_path / "run").exists()


def test_processes_are_killed_paused_started_and_seen(one) -> None:
    assert bits(one.perform((Pause(0),))) == [True]
    assert bits(one.perform((Resume(0),))) == [True]
    (killed,) = one.perform((Kill(0),))
    assert killed["bit"]
    assert killed["action"] == {"do": "kill", "node": 0}
    assert killed["saw"]["state"] == "gone"
    assert killed["ms"] >= 0
    assert bits(one.perform((Start(0),))) == [True]


def test_a_signal_that_does_nothing_did_not_bite(one, remotes) -> None:
    """Red: kill says that it worked, and the process runs on."""
    for name, action in (("-KILL", Kill(0)), ("-STOP", Pause(0))):
        remotes[0].answers[name] = said("")
        (proof,) = one.perform((action,))
        assert not proof["bit"]
        assert proof["saw"]["state"] == "running"


def test_a_start_that_starts_nothing_did_not_bite(one, monkeypatch) -> None:
    one.perform((Kill(0),))
    monkeypatch.setattr(one.system, "start", lambda node, remote: None)
    (proof,) = one.perform((Start(0),))
    assert not proof["bit"]
    assert proof["saw"] == {"pid": None, "state": "not running"}


def test_resuming_what_died_meanwhile_did_not_bite(one) -> None:
    one.perform((Pause(0),))
    one.system.pids[0].kill()
    one.system.pids[0].wait()
    assert bits(one.perform((Resume(0),))) == [False]
    healed = one.heal()
    assert all(bits(healed))
    assert one.system.pid(0, None) is not None


def test_a_command_that_fails_is_in_the_proof(one, remotes) -> None:
    """A cut of the only host from itself: silent in the model, open in the world."""
    remotes[0].answers["DROP"] = said("", status=3)
    (proof,) = one.perform((Cut(((0, 0),)),))
    assert not proof["bit"]
    assert proof["saw"]["commands failed"] == {"0": "status 3: "}
    one.perform((Mend(((0, 0),)),))


def test_a_host_that_cannot_be_healed_is_a_proof_that_did_not_bite(one, remotes) -> None:
    remotes[0].answers[HEAL] = said("", status=1)
    (proof,) = one.heal()
    assert not proof["bit"]
    assert proof["action"] == {"do": "heal", "node": 0}
    assert "h1" in proof["saw"]["error"]


def test_a_helper_that_died_is_a_heal_that_was_not_proved(one, monkeypatch) -> None:
    def gone() -> None:
        raise RemoteError("h1", "the fault agent: the netem helper ended")

    monkeypatch.setattr(one, "_prove_healed", gone)
    (*_, proof) = one.heal()
    assert not proof["bit"]
    assert "helper ended" in proof["saw"]["error"]


def test_a_lost_agent_is_an_error_of_its_host_and_close_goes_on_without_it(one, remotes) -> None:
    one.agents.links[0]._stream.process.kill()
    one.agents.links[0]._stream.process.wait()
    with pytest.raises(RemoteError):
        one.perform((Pause(0),))
    remotes[0].answers[TEAR_DOWN] = said("", status=1)
    (problem,) = one.close()
    assert problem.startswith("h1: ")
    assert one.close() == []


def test_before_prepare_there_is_nothing_to_heal_or_close(make) -> None:
    injector = make()
    assert injector.heal() == []
    assert injector.close() == []


def test_without_helpers_there_are_no_packets_to_count(one) -> None:
    assert one.packet_counts() == {}

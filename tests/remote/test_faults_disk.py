"""What is seen of disks: each fault bites only where the files and the process say so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.errors import CapabilityError, RemoteError
from harness.remote import faults_disk, faults_process
from harness.remote.faults_disk import Disks
from harness.remote.faults_process import Processes
from harness.systems.kernel import DataDirectory
from nemesis.actions import Corrupt, FillDisk, FreeDisk, Kill, LoseUnsynced, Restore, SlowDisk
from tests.remote.agents import LocalRemote, said


class Machine:
    """A node whose process and program say what a test tells them."""

    name = "machine"

    def __init__(self) -> None:
        self.running, self.answers, self.did, self.killed = 7, {}, [], []
        self.state = "running"
        remotes = {0: LocalRemote("h1", "127.0.0.1")}
        link = SimpleNamespace(ask=self.ask, lossy="lossy.py")
        agents = SimpleNamespace(links={0: link}, each=lambda function: {0: function(0)})
        self.processes = Processes(remotes, self, agents)
        self.disks = Disks(remotes, self.processes)

    def ask(self, do, **fields):
        if do in ("disk", "power", "space"):
            self.did.append((do, *fields.values()))
            if isinstance(answer := self.answers[do], RemoteError):
                raise answer
            return answer.pop(0) if isinstance(answer, list) else answer
        return {"state": self.state}

    def data(self, node) -> DataDirectory:
        return DataDirectory("/r/n1/data", ("notes",))

    def pid(self, node, remote):
        return self.running

    def start(self, node, remote) -> None:
        self.running = 8

    def disk(self, node, remote, verb, *amounts):
        self.did.append((verb, *amounts))
        answer = self.answers[verb]
        return answer.pop(0) if isinstance(answer, list) else answer

    def end(self, kills) -> None:
        self.killed += kills
        self.running = None

    def change(self, action):
        (proof,) = self.disks.change([action], self.end)
        return proof

    def signal(self, action):
        (proof,) = self.processes.signal([action], lambda *_: {0: said("")})
        return proof


@pytest.fixture
def machine(monkeypatch) -> Machine:
    for module in (faults_disk, faults_process):
        monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    monkeypatch.setattr(faults_process, "REFUSES_WITHIN_S", 0.01)
    return Machine()


def looked(syncs: int, *, slow_ms: int, slowed_us: int) -> dict[str, int]:
    return {"slow_ms": slow_ms, "syncs": syncs, "took_us": slowed_us + 90, "slowed_us": slowed_us}


def test_a_sync_that_began_after_the_fault_shows_it(machine) -> None:
    machine.answers["slow"] = looked(5, slow_ms=20, slowed_us=0)
    machine.answers["look"] = [looked(6, slow_ms=20, slowed_us=0), looked(7, slow_ms=20, slowed_us=20_100)]  # fmt: skip
    proof = machine.change(SlowDisk(0, 20))
    assert (proof["bit"], proof["probe"], proof["saw"]["syncs"]) == (True, "disk", 7)
    assert machine.did == [("slow", "20"), ("look",), ("look",)]
    assert machine.disks.slow == {0}
    machine.answers["look"] = [looked(9, slow_ms=0, slowed_us=3)]
    (healed,) = machine.disks.heal(0)
    assert healed["bit"]
    assert machine.disks.heal(0) == []


@pytest.mark.parametrize("ms", [20, 0])
def test_a_disk_that_is_not_as_told_did_not_bite(machine, ms) -> None:
    machine.answers["slow"] = looked(5, slow_ms=ms, slowed_us=0)
    machine.answers["look"] = looked(8, slow_ms=ms, slowed_us=0 if ms else 20_000)
    assert not machine.change(SlowDisk(0, ms))["bit"]


def test_who_does_not_sync_is_told_all_the_same(machine) -> None:
    machine.answers = dict.fromkeys(("slow", "look"), looked(5, slow_ms=20, slowed_us=0))
    proof = machine.change(SlowDisk(0, 20))
    assert proof["bit"]
    assert proof["saw"]["no sync of a process that is"] == "running"
    machine.answers["look"] = looked(5, slow_ms=0, slowed_us=0)
    assert not machine.change(SlowDisk(0, 20))["bit"]


@pytest.mark.parametrize(
    ("torn", "had_synced_has", "bit"),
    [
        (False, (90, 60, 60), True),
        (False, (90, 60, 90), False),
        (False, (90, 60, 30), False),
        (True, (90, 60, 75), True),
        (True, (90, 60, 90), False),
        (True, (60, 60, 60), True),
        (True, (90, 60, 59), False),
    ],
)
def test_what_was_not_synced_is_gone_and_nothing_else(machine, torn, had_synced_has, bit) -> None:
    had, synced, has = had_synced_has
    saw = {"had_bytes": had, "synced_bytes": synced, "has_bytes": has, "lost_records": 1}
    machine.answers = {"lose": saw, "tear": saw}
    assert machine.change(LoseUnsynced(0, torn))["bit"] is bit
    assert machine.killed == [Kill(0)]
    assert machine.did == [("tear",) if torn else ("lose",)]


def test_who_meets_damage_must_end_and_is_dead_when_it_is_killed(machine) -> None:
    machine.running = None
    machine.answers = {"corrupt": {"records": 5, "damaged": 2}, "restore": {"restored": True}}
    assert machine.change(Corrupt(0))["bit"]
    machine.state = "gone"
    assert machine.processes.start(0)["bit"]
    machine.running, machine.state = 8, "running"
    assert not machine.processes.start(0)["bit"]
    machine.running = None
    assert machine.signal(Kill(0))["bit"]
    assert machine.change(Restore(0))["bit"]
    assert not machine.signal(Kill(0))["bit"]
    machine.state = "running"
    assert machine.processes.start(0) == {
        "action": {"do": "start", "node": 0}, "probe": "/proc", "bit": True,
        "saw": {"pid": 8, "state": "running"},
    }  # fmt: skip


def test_a_heal_undoes_damage_before_the_node_is_started(machine) -> None:
    machine.running = None
    machine.answers = {"corrupt": {"records": 5, "damaged": 2}, "restore": {"restored": True}}
    machine.change(Corrupt(0))
    (healed,) = machine.disks.heal(0)
    assert healed["bit"]
    assert machine.processes.damaged == set()


def test_nothing_to_damage_did_not_bite(machine) -> None:
    machine.running = None
    machine.answers["corrupt"] = {"records": 1, "damaged": None}
    assert not machine.change(Corrupt(0))["bit"]
    assert machine.processes.damaged == set()


def test_a_system_whose_files_nobody_knows_is_refused(machine) -> None:
    machine.processes.system = SimpleNamespace(name="machine", pid=machine.pid)
    with pytest.raises(CapabilityError, match="machine: nobody has said how its disk is broken"):
        machine.change(SlowDisk(0, 5))


def test_a_file_system_of_ours_forgets_instead_where_it_can_be_mounted(machine) -> None:
    machine.running = None
    machine.answers = {"disk": {"mounted": "/r/n1/data"}, "power": {"id": 3, "files": 1, "writes": 9, "lost": 9, "left": 0}}  # fmt: skip
    machine.disks.mount()
    proof = machine.change(LoseUnsynced(0, torn=True))
    assert (proof["bit"], proof["probe"]) == (True, "fuse")
    assert proof["saw"] == {"files": 1, "writes": 9, "lost": 9, "left": 0}
    machine.answers["power"]["left"] = 1
    assert not machine.change(LoseUnsynced(0))["bit"]
    assert machine.did == [
        ("disk", "lossy.py", "/r/n1/data", ("notes",)), ("power", "tear"), ("power", "lose"),
    ]  # fmt: skip


def test_where_it_cannot_be_mounted_the_host_is_named(machine) -> None:
    machine.answers["disk"] = RemoteError("h1", "Operation not permitted: fuse on /r")
    with pytest.raises(
        CapabilityError, match=r"h1 cannot mount.*needs root and /dev/fuse.*not perm"
    ):
        machine.disks.mount()
    machine.processes.system = SimpleNamespace(name="machine", pid=machine.pid)
    with pytest.raises(CapabilityError, match="machine: nobody has said where its data is"):
        machine.disks.mount()


def test_its_syncs_are_slowed_where_the_system_does_not_do_that_itself(machine) -> None:
    machine.disks.lossy = True
    machine.processes.system = SimpleNamespace(name="machine", pid=machine.pid)
    machine.answers["power"] = looked(9, slow_ms=20, slowed_us=20_500)
    assert machine.change(SlowDisk(0, 20))["saw"]["no sync of a process that is"] == "running"
    assert machine.did[:2] == [("power", "slow", 20), ("power", "look", 0)]


# --- no space -------------------------------------------------------------------------------------


def space(refused: int, *, full: bool = True) -> dict[str, object]:
    return {"refused": refused, "full": full}


def test_a_node_that_was_refused_a_write_has_met_the_full_disk(machine) -> None:
    machine.answers = {"fill": space(4), "look": [space(4), space(5)]}
    proof = machine.change(FillDisk(0, 20))
    assert (proof["bit"], proof["probe"], proof["saw"]["refused"]) == (True, "disk", 5)
    assert machine.did == [("fill", "20"), ("look",), ("look",)]
    assert machine.processes.full == {0}
    machine.answers["free"] = space(6, full=False)
    machine.state = "gone"
    (healed,) = machine.disks.heal(0)
    assert healed["bit"]
    assert healed["saw"] == {"refused": 2, "full": False, "state": "gone"}
    assert machine.processes.full == set()
    assert machine.disks.heal(0) == []


def test_one_that_ended_before_it_was_looked_at_has_met_it_too(machine) -> None:
    machine.answers = {"fill": space(4), "look": space(5)}
    machine.running = None
    assert machine.change(FillDisk(0, 0))["bit"] is True


def test_one_that_has_not_written_yet_is_no_proof_until_the_end(machine) -> None:
    machine.answers = dict.fromkeys(("fill", "look"), space(4))
    assert machine.change(FillDisk(0, 0))["bit"] is None
    machine.answers["free"] = space(4, full=False)
    assert machine.change(FreeDisk(0))["saw"] == {"refused": 0, "full": False, "state": "running"}
    machine.running = None
    proof = machine.change(FillDisk(0, 0))
    assert (proof["bit"], proof["saw"]["no write of a process that is"]) == (None, "gone")


def test_a_disk_that_stays_full_did_not_heal(machine) -> None:
    machine.answers = {"fill": space(4), "look": space(5), "free": space(5, full=True)}
    machine.change(FillDisk(0, 0))
    assert machine.change(FreeDisk(0))["bit"] is False


def test_who_is_gone_though_it_was_refused_nothing_ended_for_another_reason(machine) -> None:
    machine.answers = {**dict.fromkeys(("fill", "look"), space(4)), "free": space(4, full=False)}
    for kill in (False, True):  # which finds nobody, and so explains nothing
        machine.running, machine.state = 7, "running"
        machine.change(FillDisk(0, 0))
        machine.running = None
        assert not kill or machine.signal(Kill(0))["bit"]
        assert machine.change(FreeDisk(0))["bit"] is False


def test_who_was_dead_before_or_is_killed_needs_no_other_reason(machine) -> None:
    machine.answers = {**dict.fromkeys(("fill", "look"), space(4)), "free": space(4, full=False)}
    machine.running = None
    machine.change(FillDisk(0, 0))
    assert machine.change(FreeDisk(0))["bit"]
    machine.running, machine.state = 7, "running"
    machine.change(FillDisk(0, 0))
    machine.state = "gone"
    assert machine.signal(Kill(0))["bit"]
    machine.running = None
    assert machine.change(FreeDisk(0))["bit"]
    assert machine.processes.killed == set()


def test_who_has_ended_for_lack_of_space_need_not_be_killed_nor_run(machine) -> None:
    machine.running = None
    assert not machine.signal(Kill(0))["bit"]
    machine.answers = {"fill": space(4), "look": space(5), "free": space(5, full=False)}
    machine.change(FillDisk(0, 0))
    machine.running = None
    assert machine.signal(Kill(0))["bit"]
    machine.state = "gone"
    assert machine.processes.start(0)["bit"]
    machine.change(FreeDisk(0))
    assert machine.processes.start(0)["action"] == {"do": "start", "node": 0}
    assert not machine.processes.start(0)["bit"], "now it must run"
    machine.running = None
    assert not machine.signal(Kill(0))["bit"]


@pytest.mark.parametrize(("tried", "bits"), [(("no space", "made"), [True, True]), (("made", "no space"), [False, False])])  # fmt: skip
def test_a_file_system_of_ours_is_asked_for_a_new_file(machine, tried, bits) -> None:
    """What that was refused is not counted; the system's own writes are."""
    machine.disks.lossy = True
    machine.answers = {
        "power": [{"refused": 2}, {"refused": 9}],
        "space": [{"said": said} for said in tried],
    }
    begun, ended = machine.change(FillDisk(0, 20)), machine.change(FreeDisk(0))
    assert [begun["bit"], ended["bit"]] == bits
    assert (begun["probe"], begun["saw"]) == ("fuse", {"a new file": tried[0]})
    ours = tried[0] == "no space"
    assert ended["saw"] == {"refused": 7 - ours, "state": "running", "a new file": tried[1]}
    assert machine.did == [("power", "fill", 20), ("space",), ("power", "free", 0), ("space",)]

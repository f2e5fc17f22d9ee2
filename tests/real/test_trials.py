"""``harness test`` as a user types it: real processes, SSH, iptables, signals, on hosts made here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import CapabilityError
from harness.systems.etcd import Etcd
from harness.systems.galera import Galera
from tests.real.conftest import barred
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def needs_hosts() -> None:
    if reason := barred():
        pytest.skip(f"no hosts can be made here: {reason}")


class Command:
    """A running ``harness``, whose stderr can be waited for."""

    def __init__(self, store: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words, "--store", str(store)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.err: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.err.append(line)
                self._said.notify_all()

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        """Until stderr has said ``text``."""
        with self._said:
            said = self._said.wait_for(lambda: any(text in e for e in self.err), timeout_s)
        assert said, f"never said {text!r}: {''.join(self.err)}"

    def end(self, timeout_s: float = 150.0) -> tuple[int, str]:
        """Wait for the end: exit code and stdout."""
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(timeout_s)
        self._reader.join()
        self.process.stdout.close()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code, out


def harness(store: Path, *words: str) -> tuple[int, str, str]:
    command = Command(store, *words)
    code, out = command.end()
    return code, out, "".join(command.err)


def processes_of(session: int) -> list[str]:
    """What still runs of a session or below it, by /proc (namespaced processes included)."""
    left = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(") ")[2].split()
            name = status.parent.joinpath("cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            left.append(name)
    return left


@pytest.mark.parametrize("protocol", ["abd", "multipaxos", "epaxos"])
def test_a_protocol_is_valid_under_all_faults_at_once(protocol: str, tmp_path: Path) -> None:
    words = f"test -p {protocol} --nemesis partition,kill,pause --time 12 --seed 11".split()
    code, out, err = harness(tmp_path, *words)

    assert code == 0, out + err
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert {name: c["outcome"] for name, c in results["checks"].items()} == {
        "linearizable": "valid",
        "agreement": "valid",
        "crashes": "valid",
        "stats": "valid",
        "availability": "valid",
        "liveness": "valid",
        "vacuity": "valid",
        "proofs": "valid",
    }
    assert results["load"]["lateness_ns"]["count"] > 900
    assert out.splitlines()[-1].startswith(f"reproduce:  harness test --protocol {protocol}")
    logs = {p.name for p in (tmp_path / "latest" / "nodes" / "n1").iterdir()}
    assert {"log", "notes.jsonl"} <= logs


def test_the_reads_of_etcd_that_need_no_quorum_are_seen_to_be_stale(tmp_path: Path) -> None:
    """Somebody else's system, wrong as its documentation says, under faults that are seen to bite."""
    try:
        Etcd.fetch({})
    except CapabilityError as error:
        pytest.skip(f"etcd cannot be had here: {error}")
    words = "test --system etcd --option reads=serializable --nemesis partition --time 6"
    for seed in "123":  # on a busy machine few reads meet a node that is behind
        argv = [*words.split(), "--nodes", "3", "--keys", "1", "--seed", seed]
        code, out, err = harness(tmp_path, *argv)
        if code == 1:
            break

    assert code == 1, out + err
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    wrong = {name for name, c in results["checks"].items() if c["outcome"] == "invalid"}
    assert wrong == {"linearizable"}
    assert results["checks"]["proofs"]["outcome"] == "valid"
    assert "so " in out
    assert out.splitlines()[-1].startswith("reproduce:  harness test --protocol etcd")


def test_updates_that_galera_loses_in_good_health_are_seen(tmp_path: Path) -> None:
    """P4 at repeatable-read, though each statement waits for what was committed before it."""
    try:
        Galera.fetch({})
    except CapabilityError as error:
        pytest.skip(f"galera cannot be had here: {error}")
    words = (
        "test --system galera -w counter --option sync_wait=15 --nemesis none --time 4 --rate 200"
    )
    code, out, err = harness(tmp_path, *words.split(), "--nodes", "2", "--keys", "1", "--seed", "1")

    assert code == 1, out + err
    assert "not linearizable as a counter" in out
    assert out.splitlines()[-1].startswith("reproduce:  harness test --protocol galera")


def test_faults_come_and_go_under_the_round_trips_of_a_wan(tmp_path: Path) -> None:
    words = (
        "test -p epaxos --wan wan5 --nemesis partition-zone,packet --interval 2 --time 8 --seed 3"
    )
    code, out, err = harness(tmp_path, *words.split(), "--rate", "20")

    assert code == 0, out + err
    lines = (tmp_path / "latest" / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    (standing,) = (row["value"] for row in rows if row["f"] == "wan")
    measured = standing["proof"][0]["saw"]["links"]
    assert measured["0>4"]["matrix_ms"] == 145
    assert measured["0>4"]["min_ms"] >= 145 * 0.95
    assert {"partition-zone"} < {row["f"] for row in rows if row["process"] == "nemesis"}
    ended = {row["value"]["phase"] for row in rows if row["process"] == "nemesis"}
    assert ended == {"standing", "begin", "end", "heal"}
    assert out.splitlines()[-1].endswith("--rtt 215 --interval 2 --wan wan5 --seed 3")
    zones = json.loads((tmp_path / "latest" / "trial.json").read_text())["zones"]
    assert zones == "virginia,california,oregon,ireland,tokyo"


def test_members_leave_and_join_while_it_runs(tmp_path: Path) -> None:
    """Nothing else is broken, so that each change is soon seen; a spare joins in a leader's place, too."""
    words = "test -p multipaxos -n 4 --option members=3 --time 8 --interval 2.5 --seed 5"
    faults = "membership-replace,membership-leave-leader"
    code, out, err = harness(tmp_path, *words.split(), "--nemesis", faults)

    assert code == 0, out + err
    checks = json.loads((tmp_path / "latest" / "results.json").read_text())["checks"]
    assert checks["membership"]["details"]["members"] == [0, 1, 2]
    assert checks["membership"]["details"]["changes"] >= 4
    lines = (tmp_path / "latest" / "history.jsonl").read_text().splitlines()
    proofs = [
        proof
        for row in map(json.loads, lines)
        if row["process"] == "nemesis"
        for proof in row["value"]["proof"]
        if proof["probe"] == "members"
    ]
    assert {proof["action"]["do"] for proof in proofs} == {"join", "leave"}
    assert all(proof["bit"] is not False for proof in proofs)


def test_leaders_hand_over_and_hear_nobody(tmp_path: Path) -> None:
    words = "test -p kpaxos -n 3 --option groups=2 --time 8 --interval 1.5 --seed 3"
    code, out, err = harness(tmp_path, *words.split(), "--nemesis", "handover,handover-deaf")

    assert code == 0, out + err
    checks = json.loads((tmp_path / "latest" / "results.json").read_text())["checks"]
    assert checks["handover"]["details"]["seen"] >= 2
    rows = map(json.loads, (tmp_path / "latest" / "history.jsonl").read_text().splitlines())
    told = [row["value"] for row in rows if row["process"] == "nemesis"]
    proofs = [proof for value in told for proof in value["proof"] if proof["probe"] == "leader"]
    for proof in proofs:
        if proof["bit"]:
            assert proof["action"]["node"] in proof["saw"]["leads"]
            assert proof["action"]["node"] not in proof["saw"]["led"]


def test_over_udp(tmp_path: Path) -> None:
    words = ["test", "-p", "multipaxos", "-n", "3", "--transport", "udp", "--seed", "2"]
    code, out, err = harness(tmp_path, *words, "--nemesis", "partition,kill", "--time", "4")

    assert code == 0, out + err
    assert "--transport udp" in out.splitlines()[-1]
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert results["checks"]["proofs"]["outcome"] == "valid"


def test_clocks_and_disks_are_broken_and_healed(tmp_path: Path) -> None:
    words = "test -p multipaxos -n 3 --nemesis clock,disk --time 6 --interval 1.5 --seed 2"
    code, out, err = harness(tmp_path, *words.split(), "--rate", "50")

    assert code == 0, out + err
    lines = (tmp_path / "latest" / "history.jsonl").read_text().splitlines()
    proofs = [
        proof
        for row in map(json.loads, lines)
        if row["process"] == "nemesis"
        for proof in row["value"]["proof"]
    ]
    assert all(proof["bit"] for proof in proofs)
    clocks = [proof["saw"] for proof in proofs if proof["probe"] == "clock"]
    assert any("asked" in saw for saw in clocks)
    assert "disk" in {proof["probe"] for proof in proofs}


def test_who_tells_before_it_syncs_is_found_by_a_power_cut(tmp_path: Path) -> None:
    """And not by kills of all nodes (tests/sim/test_disk.py; docs/faults.md has both on hosts)."""
    words = "test -p tests.mutants.unsynced:UnsyncedABD -n 3 --nemesis disk-power --time 6 --seed 1"
    code, out, _ = harness(tmp_path, *words.split(), "--keys", "20", "--rate", "100")

    assert code == 1, out
    assert "linearizable is invalid" in out


@pytest.mark.parametrize("more", [(), ("--lossy",)], ids=["own seam", "fuse"])
def test_a_full_disk_ends_its_node_and_it_comes_back(tmp_path: Path, more: tuple[str, ...]) -> None:
    words = "test -p raft -n 3 --nemesis disk-full --time 8 --interval 2.5 --seed 1"
    code, out, err = harness(tmp_path, *words.split(), *more)
    if "cannot mount a file system of ours" in err:
        pytest.skip("no FUSE here")

    assert code == 0, out + err
    checks = json.loads((tmp_path / "latest" / "results.json").read_text())["checks"]
    said = checks["disk-full"]["details"]
    assert said["met"] == said["filled"] == said["refused"] >= 2, "each node ended by its first"
    logs = [log.read_text() for log in (tmp_path / "latest" / "nodes").glob("*/log")]
    assert sum(log.count("exit 74") for log in logs) == said["refused"]
    assert checks["proofs"]["details"]["later"] == 0


def test_who_does_not_look_whether_it_was_written_is_found_by_full_disks(tmp_path: Path) -> None:
    words = "test -p tests.mutants.heedless:HeedlessABD -n 3 --nemesis disk-full-majority --time 10"
    for seed in range(1, 5):  # who is not killed before there is space has lost nothing yet
        code, out, _ = harness(
            tmp_path, *words.split(), "--keys", "20", "--rate", "100", "--seed", str(seed)
        )
        if code:
            break

    assert code == 1, out
    assert "linearizable is invalid" in out


def test_a_mutant_is_found_on_real_hosts(tmp_path: Path) -> None:
    """Paxi's ABD: a tag without the writer's name (PROTOCOLS.md 1.2). One hot key shows it."""
    words = ["test", "-p", "tests.mutants.abd:NoTieBreak", "--nemesis", "partition", "--time", "8"]
    for seed in range(1, 5):  # two writers must be within a round trip of each other
        code, out, _ = harness(
            tmp_path, *words, "--rate", "400", "--keys", "1", "--seed", str(seed)
        )
        if code:
            break

    assert code == 1, out
    assert "not linearizable: key" in out
    assert re.search(r"(read|write) of \d+ by process \d+ finished at", out)


def test_an_inventory_reached_by_ssh_gives_the_same(tmp_path: Path) -> None:
    """``harness hosts`` stands in for machines elsewhere: only their inventory is handed on."""
    inner = [sys.executable, "-m", "harness", "test", "-p", "abd", "--nemesis", "partition,kill"]
    inner += ["--time", "6", "--seed", "5", "--on", "{inventory}", "--store", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "hosts", "-n", "3", "--", *inner],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    trial = json.loads((tmp_path / "latest" / "trial.json").read_text())
    assert trial["on"].endswith(".toml")
    assert trial["nodes"] == 3


def test_clients_go_through_ssh_where_nothing_else_reaches_the_nodes(tmp_path: Path) -> None:
    """A firewall before the hosts lets SSH pass alone; the hosts reach each other."""
    trial = f"{sys.executable} -m harness test -p abd --time 4 --seed 5 --store {tmp_path}"
    wall = "iptables -A OUTPUT -p tcp --dport 7000:8010 -j DROP"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "hosts", "-n", "3", "--", "sh", "-c",
         f"PATH=$PATH:/usr/sbin:/sbin; {wall} && {trial} --on {{inventory}}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("clients go through SSH") == 3
    assert json.loads((tmp_path / "latest" / "results.json").read_text())["outcome"] == "valid"


def test_ctrl_c_heals_keeps_the_history_and_leaves_nothing(tmp_path: Path) -> None:
    command = Command(
        tmp_path,
        *["test", "-p", "abd", "-n", "3", "--nemesis", "partition", "--time", "60", "--seed", "6"],
    )
    command.wait_for("begin: it bit")
    os.killpg(command.process.pid, signal.SIGINT)
    code, out = command.end()

    assert code == 130, out
    assert "interrupted: healing" in "".join(command.err)
    assert "verdict: " in out
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert results["checks"]["proofs"]["outcome"] == "valid"
    wait_until(
        lambda: not processes_of(command.process.pid), 10, str(processes_of(command.process.pid))
    )


def test_a_killed_controller_leaves_a_readable_history_and_nothing_else(tmp_path: Path) -> None:
    command = Command(
        tmp_path,
        *["test", "-p", "abd", "-n", "3", "--nemesis", "partition", "--time", "60", "--seed", "6"],
    )
    command.wait_for("begin: it bit")
    wait_until(
        lambda: (tmp_path / "latest" / "history.jsonl").stat().st_size > 5_000, 10, "no history"
    )
    os.kill(command.process.pid, signal.SIGKILL)
    command.end()

    wait_until(
        lambda: not processes_of(command.process.pid), 10, str(processes_of(command.process.pid))
    )
    checked = subprocess.run(
        [sys.executable, "-m", "harness", "check", str(tmp_path / "latest"), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode in (0, 2), checked.stderr
    assert json.loads(checked.stdout)["checks"]["linearizable"]["outcome"] == "valid"


def test_two_clusters_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    first = Command(
        tmp_path / "a", *["test", "-p", "abd", "-n", "3", "--nemesis", "partition", "--time", "6"]
    )
    second = Command(
        tmp_path / "b", *["test", "-p", "abd", "-n", "3", "--nemesis", "kill", "--time", "6"]
    )

    assert first.end()[0] == 0, first.err
    assert second.end()[0] == 0, second.err

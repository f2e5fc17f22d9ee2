"""Clusters that outlive their command, as a user types it: up, ps, shell, down, and nothing left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.running.gone import links_and_mounts, traces_of
from tests.node.processes import ROOT
from tests.real.conftest import barred
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Typed]:
    """Types ``harness WORDS``: exit code, and what it printed. All clusters end with the test."""
    if reason := barred():
        pytest.skip(f"no hosts can be made here: {reason}")

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=ROOT,
            env=os.environ | {"HARNESS_RUNNING": str(tmp_path / "running")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )
        return done.returncode, done.stdout

    try:
        yield run
    finally:
        run("down", "--all")


def holder(tmp_path: Path, name: str) -> int:
    pid = json.loads((tmp_path / "running" / name / "holder.json").read_text())["pid"]
    assert isinstance(pid, int)
    return pid


def test_a_cluster_outlives_its_command_and_leaves_nothing(harness: Typed, tmp_path: Path) -> None:
    code, out = harness("up", "-p", "multipaxos", "-n", "3")
    assert code == 0, out
    assert "harness down multipaxos" in out
    traces = traces_of(holder(tmp_path, "multipaxos"))

    code, out = harness("ps", "--json")
    assert code == 0, out
    (line,) = out.splitlines()
    nodes = json.loads(line)["nodes"]
    assert [(n["name"], n["state"], n["http"]) for n in nodes] == [
        ("n1", "serves", 8000), ("n2", "serves", 8001), ("n3", "serves", 8002),
    ]  # fmt: skip
    for node in nodes:
        argv = Path(f"/proc/{node['pid']}/cmdline").read_text()
        assert f"/{node['name']}/node.pyz" in argv

    code, out = harness("shell", "multipaxos", "-c", "put x 1; get x @n2; on n1 hostname")
    assert (code, re.findall(r"^(?:ok  \S+|n1$)", out, re.MULTILINE)) == (
        0,
        ["ok  1", "ok  1", "n1"],
    )
    code, out = harness("shell", "-c", "partition n1; nodes; heal; put x 2; consensus x; leader")
    assert code == 0, out
    assert "fault 1, partition, until healed: it bit" in out
    assert "healed: it healed" in out
    assert "x: yes: 2 updates in one order at 3 nodes" in out
    code, out = harness("shell", "-c", "crash n2 n3; nodes; put x 3")
    assert code == 2, out
    assert "n2  down" in out
    assert "whether it took effect is not known" in out

    code, out = harness("down")
    assert code == 0, out
    assert "multipaxos: nothing is left" in out
    assert traces.left() == []
    assert links_and_mounts() == []
    assert list((tmp_path / "running").glob("multipaxos")) == []
    assert harness("ps") == (0, "no cluster runs\n")
    code, out = harness("down", "multipaxos")
    assert (code, out) == (254, "harness: there is no cluster 'multipaxos': none runs\n")


def test_a_holder_that_is_killed_takes_all_with_it(harness: Typed, tmp_path: Path) -> None:
    """Over Unix sockets, where a partition could not bite."""
    code, out = harness("up", "-p", "abd", "-n", "2", "--name", "a", "--transport", "unix")
    assert code == 0, out
    code, out = harness("up", "-p", "abd", "-n", "2", "--name", "a")
    assert code == 254
    assert "a cluster a runs already: `harness down a` ends it" in out
    code, out = harness("shell", "-c", "put x 1; get x @n2; partition n1")
    assert (code, out.count("ok  1")) == (254, 2), out
    assert "no packet passes a network between the nodes" in out
    top = holder(tmp_path, "a")
    traces = traces_of(top)
    assert len(traces.left()) > 10

    os.kill(top, signal.SIGKILL)
    wait_until(lambda: not traces.left(), 20, "all ended")

    code, out = harness("shell", "a", "-c", "get x")
    assert code == 255
    assert "the holder of a has died" in out
    code, out = harness("ps")
    assert code == 0
    assert "a: its holder has died, and its hosts with it: nothing is left to end" in out
    assert harness("ps") == (0, "no cluster runs\n")


ON_AN_INVENTORY = r"""
set -u
harness() { "$0" -m harness "$@" 2>&1; echo "[$?]"; }
harness test -p abd --on "$HARNESS_INVENTORY" --time 1 --rate 20 --leave-running --store "$1/store"
harness shell abd -c "put y 1; get y @n2; partition n1; nodes"
harness down
harness up -p abd --on "$HARNESS_INVENTORY" --name lab
kill -9 $("$0" -c "import json; print(json.load(open('$1/running/lab/holder.json'))['pid'])")
harness ps
harness down lab
harness ps
"""


def test_on_the_hosts_of_an_inventory(harness: Typed, tmp_path: Path) -> None:
    """What a trial leaves running is known, and ended; of a holder that was killed, the agents and
    `down` remove what is left on the hosts."""
    code, out = harness(
        "hosts", "-n", "2", "--", "sh", "-c", ON_AN_INVENTORY, sys.executable, str(tmp_path)
    )
    assert code == 0, out
    assert "left running as abd" in out
    assert out.count("ok  1") == 2
    assert "fault 1, partition, until healed: it bit" in out
    assert "abd: nothing is left" in out
    assert "lab: its holder has died, and hosts of" in out
    assert "lab: nothing is left: its holder had died" in out
    assert "no file, process, ledger or rule of it is on 2 hosts" in out
    assert out.splitlines()[-2:] == ["no cluster runs", "[0]"]

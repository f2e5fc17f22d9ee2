"""Systems of somebody else's, run for real on this machine: installed, asked, killed, removed."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import pytest

from harness.errors import CapabilityError, NotReadyError, UsageError
from harness.remote.clock_shim import COMPILERS
from harness.remote.seam import Host
from harness.systems import PRODUCTS, debian
from harness.systems.etcd import Etcd
from harness.systems.galera import Galera
from harness.systems.http_client import connect_to
from harness.systems.product import Product
from harness.systems.redis import Redis
from harness.systems.zookeeper import ZooKeeper
from harness.trial import Trial
from tests.node.processes import free_ports
from tests.systems.local_remote import LocalRemote
from tests.waiting import wait_until
from workloads.kernel import Client, Refused

TIMEOUT_S = 5.0


class Deployed:
    """One node, which is this machine."""

    def __init__(self, kind: type[Product], folder: Path, **options: object) -> None:
        host = Host(name="h1", address="127.0.0.1", python=sys.executable)
        base = free_ports(2)[0]

        class Here(kind):  # type: ignore[valid-type,misc]
            def port(self, node: int) -> int:
                return base + node

            def peer_port(self, node: int) -> int:
                return base + 1 + node

        self.system: Product = Here(
            hosts={0: host}, directory=str(folder / "run"), cluster="test", options=options,
            connect=lambda _, port, timeout_s: connect_to("127.0.0.1", port, timeout_s),
        )  # fmt: skip
        self.remote = LocalRemote(host)
        self.clients: list[Client] = []

    def up(self) -> None:
        self.system.install(0, self.remote)
        self.system.start(0, self.remote)
        self.system.wait_ready(0, self.remote, 20)

    def client(self, timeout_s: float = TIMEOUT_S) -> Client:
        client = self.system.client(0, len(self.clients), timeout_s)
        self.clients.append(client)
        return client

    def kill(self) -> None:
        pid = self.system.pid(0, self.remote)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


SAFE: dict[type[Product], dict[str, str]] = {
    Etcd: {}, Redis: {}, Galera: {"isolation": "serializable"}, ZooKeeper: {"reads": "written"}
}  # fmt: skip
"""With what one node alone keeps its word: MariaDB loses updates at repeatable-read."""


@pytest.fixture(params=SAFE, ids=lambda kind: kind.name)
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(request.param, tmp_path, **SAFE[request.param])
    try:
        request.param.fetch({})
        made.up()
    except CapabilityError as error:
        pytest.skip(f"{request.param.name} cannot be had here: {error}")
    yield made
    for client in made.clients:
        client.close()
    made.system.remove(0, made.remote)


def refused(client: Client, f: str, key: str, value: object) -> str:
    with pytest.raises(Refused) as error:
        client.invoke(f, key, value)
    return str(error.value)


def test_it_is_asked_for_all_that_it_offers(deployed) -> None:
    """And what a client is told is what there is."""
    client = deployed.client()
    assert client.invoke("read", "x", None) is None
    assert client.invoke("cas", "x", [None, 1]) == [None, 1]
    refused(client, "cas", "x", [2, 3])
    assert client.invoke("write", "x", {"any": "JSON"}) == {"any": "JSON"}
    assert client.invoke("cas", "x", [{"any": "JSON"}, 7]) == [{"any": "JSON"}, 7]
    assert client.invoke("read", "x", None) == 7
    assert client.invoke("add-and-get", "n", 5) == 5
    assert client.invoke("add-and-get", "n", -2) == 3
    assert client.invoke("append", "l", 1) == 1
    moved = [["append", "l", 2], ["r", "n", None], ["w", "x", 8]]
    assert client.invoke("txn", "", moved) == [["append", "l", 2], ["r", "n", 3], ["w", "x", 8]]
    assert client.invoke("txn", "", [["r", "l", None], ["r", "x", None]]) == [
        ["r", "l", [1, 2]], ["r", "x", 8],
    ]  # fmt: skip
    assert "only 3" in refused(client, "transfer", "", {"from": "n", "to": "x", "amount": 4})
    assert client.invoke("balances", "", ["n", "x"]) == {"n": 3, "x": 8}


def test_counting_together_nobody_is_forgotten(deployed) -> None:
    """Four clients, each of which reads, computes and writes if nothing was touched, or again."""
    found: list[object] = []

    def count() -> None:
        client = deployed.client()
        found.extend(client.invoke("add-and-get", "n", 1) for _ in range(10))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 41))


def test_killed_it_refuses_and_started_again_it_knows_all(deployed) -> None:
    client = deployed.client()
    client.invoke("write", "x", 1)
    deployed.kill()
    with pytest.raises((Refused, OSError)):  # the kept connection is broken, or none can be made
        client.invoke("write", "x", 2)
    assert deployed.system.pid(0, deployed.remote) is None
    assert "refused" in refused(deployed.client(), "write", "x", 3)
    deployed.system.start(0, deployed.remote)
    deployed.system.wait_ready(0, deployed.remote, 20)
    assert client.invoke("read", "x", None) == 1
    alone = isinstance(deployed.system, Galera | ZooKeeper)  # of ZooKeeper: by its own words, too
    leaders = () if alone else (0,)
    assert deployed.system.leaders() == leaders


def stopped(pid: int) -> bool:
    """Whether all threads are: the signal reaches each when it is next seen to."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    try:
        return {path.read_text().rpartition(") ")[2][0] for path in threads} == {"T"}
    except (FileNotFoundError, ProcessLookupError):  # one has just ended
        return False


def test_paused_nobody_knows(deployed) -> None:
    client = deployed.client(timeout_s=0.5)
    client.invoke("read", "x", None)  # some ask something as they connect
    pid = deployed.system.pid(0, deployed.remote)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: stopped(pid), 10, f"{pid} is not stopped")
    with pytest.raises(OSError, match="answer"):
        client.invoke("write", "x", 2)
    refused(client, "read", "x", None)  # a read has changed nothing, whatever became of it
    os.kill(pid, signal.SIGCONT)


def test_removed_nothing_is_left(deployed) -> None:
    pid = deployed.system.pid(0, deployed.remote)
    deployed.system.remove(0, deployed.remote)
    assert not Path(deployed.system.home(0)).exists()
    assert not Path(deployed.system.directory).exists()
    assert deployed.system.pid(0, deployed.remote) is None
    state = Path(f"/proc/{pid}/status")
    assert not state.exists() or "State:\tZ" in state.read_text()
    with pytest.raises(NotReadyError, match="its process has ended"):
        deployed.system.wait_ready(0, deployed.remote, 2)


def test_one_whose_clocks_will_be_set_wrong_is_started_with_the_shim(tmp_path, monkeypatch) -> None:
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("no C compiler here")
    deployed = Deployed(Redis, tmp_path)
    monkeypatch.setattr(Product, "_installed", lambda *_: ["redis-server"])
    for lanes, preloaded in (({"disk"}, False), ({"clock", "network"}, True)):
        deployed.system.lanes = frozenset(lanes)
        Product.install(deployed.system, 0, deployed.remote)
        *words, program = deployed.system.programs[0]
        assert program == "redis-server"
        assert any(word.startswith("LD_PRELOAD=") for word in words) is preloaded
        assert Path(deployed.system.clock(0).path).exists() is preloaded
    assert "clock" not in Etcd.withstands


@pytest.mark.parametrize("name", ["disk-corrupt", "wipe"])
def test_faults_that_must_know_files_are_refused(name: str) -> None:
    trial = Trial(protocol="redis", nemesis=name, time_ms=5_000, nodes=3)
    with pytest.raises(UsageError, match="must know the files of redis"):
        trial.windows()
    assert replace(trial, nemesis="disk-power,disk-torn").windows()


@pytest.mark.parametrize("place", PRODUCTS.values(), ids=PRODUCTS)
def test_a_wrong_option_is_refused(place: str) -> None:
    kind = resolve_name(place)
    with pytest.raises(UsageError, match="has no option 'colour'"):
        kind.check({"colour": "red"})
    knob = next(iter(kind.knobs))
    with pytest.raises(UsageError, match=f"--option {knob}=maybe"):
        kind.check({knob: "maybe"})


def test_a_package_that_cannot_be_had_says_what_to_type(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CapabilityError, match=r"apt-get download nothing.*--option program="):
        debian.unpacked(("nothing",))
    assert list((tmp_path / "harness").iterdir()) == []

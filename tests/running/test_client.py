"""``harness.client``: of nodes without a holder, which run here; and against a holder that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client, NoEffect, NotProved, Unknown
from harness.errors import HarnessError, UsageError
from nemesis.actions import Cut, Fault, Kill, Shape, Weather
from nemesis.encoding import fault_from_json
from tests.node.processes import Processes, cluster
from tests.waiting import wait_until

ADMIN = ("--admin", "127.0.0.0/8", "--rtt-ms", "20")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with cluster(tmp_path_factory.mktemp("client"), 3, *ADMIN, protocol="multipaxos") as running:
        running.start_all()
        yield running


@pytest.fixture
def client(nodes: Processes) -> Iterator[Client]:
    with Client.at(*(f"127.0.0.1:{port}" for port in nodes.http_ports)) as made:
        yield made
        made.heal()


def test_ops_at_any_node_and_at_one(client: Client) -> None:
    client.put("a", [1, "two"])
    assert client.get("a") == client.get("a", at="n3") == [1, "two"]
    assert client.get("never") is None
    client.append("list", 1, at="n2")
    client.append("list", 2)
    assert client.get("list") == [1, 2]
    client.cas("a", [1, "two"], 3, at="n1")
    with pytest.raises(NoEffect, match="n1: "):
        client.cas("a", 7, 8, at="n1")
    client.delete("a")
    assert client.get("a") is None
    assert client.invoke("acquire", "lease", 5_000)
    with pytest.raises(NoEffect, match="no such command"):
        client.invoke("juggle", "a")


def test_several_nodes_are_asked_the_same(client: Client) -> None:
    assert client.quorum_put("b", 5).enough
    told = client.quorum_get("b")
    assert (told.values, told.same, told.enough, told.need) == (
        dict.fromkeys(("n1", "n2", "n3"), 5), True, True, 2,
    )  # fmt: skip
    assert set(client.multi_get("b", ["n3", "n1"]).values) == {"n1", "n3"}
    assert client.multi_put("b", 6, "n1,n2").need == 2
    assert client.multi_get("b", "n2").values == {"n2": 6}
    with pytest.raises(UsageError, match="no zone 'mars'"):
        client.local_quorum_get("b", "mars")


def test_what_the_nodes_say_of_themselves(client: Client, nodes: Processes) -> None:
    client.put("c", 1)
    client.put("c", 2)
    assert [node["state"] for node in client.nodes()] == ["serves"] * 3
    assert client.url("a key", at="n2") == f"http://127.0.0.1:{nodes.http_ports[1]}/a%20key"

    def seen() -> bool:
        return {len(history) for history in client.history("c").values()} == {2}

    wait_until(seen, 10, "all have run both updates")
    assert client.consensus("c") is True
    assert client.consensus("never") is None
    client.lead("n2")
    assert client.leader() == "n2"
    client.lead("n3")
    assert client.leader() == "n3"


def test_the_nodes_own_faults_bite_and_heal(client: Client) -> None:
    client.put("d", 1)
    client.lead("n1")
    with client.partition(["n1"]) as fault:
        assert fault.name == "partition"
        assert {proof["probe"] for proof in fault.proofs} == {"the node's word"}
        client.put("d", 2, at="n2")
        client.timeout_s = 0.3
        with pytest.raises(Unknown, match="whether it took effect is not known"):
            client.put("d", 3, at="n1")
    client.timeout_s = 10.0
    client.put("d", 4, at="n1")
    with client.crash("n2"):
        with pytest.raises(Unknown, match="crashed, as the admin told"):
            client.get("d", at="n2")
        assert not client.multi_get("d").enough
        assert client.quorum_get("d").values == {"n1": 4, "n3": 4}
    assert client.get("d", at="n2") == 4


def test_all_others_are_told_of_weather(client: Client) -> None:
    client.slow("n1", ms=1, seconds=60)
    client.flaky("n2", percent=1, seconds=60)
    told = [next(iter(proof["saw"])) for proof in client.slow("n1", ms=1).proofs]
    assert sorted(told) == ["n1", "n1", "n2", "n3"], "who sends holds it back"
    (proof,) = client.drop("n1", "n3", seconds=60).proofs
    on = proof["saw"]["n1"]
    assert 59 < on["drop"]["n3"]["for_s"] <= 60
    assert on["slow"].keys() == {"n2", "n3"}
    assert on["flaky"].keys() == {"n2"}
    client.heal()
    (proof,) = client.drop("n1", "n2").proofs
    assert proof["saw"]["n1"] == {"drop": {"n2": {"for_s": None, "amount": 0}}}


def test_who_is_not_on_the_hosts_cannot_do_all(client: Client) -> None:
    for ask in (lambda: client.pause("n1"), lambda: client.fault("clock-drift")):
        with pytest.raises(UsageError, match="`harness up` keeps"):
            ask()


def test_a_node_that_is_not_there_has_no_effect_and_where_all_are_gone_too() -> None:
    client = Client.at("127.0.0.1:1", timeout_s=1)
    with pytest.raises(NoEffect, match="cannot connect"):
        client.put("x", 1)
    with pytest.raises(Unknown, match="0 of 1 ok, 1 needed"):
        client.quorum_get("x")
    with pytest.raises(HarnessError, match="n1"):
        client.history("x")
    with pytest.raises(NotProved, match="did not bite"):
        client.crash("n1")


@pytest.mark.parametrize("place", ["localhost", "localhost:", "h:0", "h:65536"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="not HOST:PORT"):
        Client.at(place)


def test_an_inventory_s_nodes_are_where_the_harness_puts_them(tmp_path: Path) -> None:
    lab = tmp_path / "lab.toml"
    lab.write_text('[[hosts]]\naddress = "127.0.0.1"\nzone = "eu"\n[[hosts]]\naddress = "::1"\n')
    client = Client.on(lab)
    assert client.names == ("n1", "n2")
    assert client.url("x", at="n2") == "http://[::1]:8001/x"
    lab.write_text('tunnel = true\n[[hosts]]\naddress = "127.0.0.1"\n')
    with pytest.raises(UsageError, match="nothing but SSH"):
        Client.on(lab)


class Holder:
    """Answers as told; keeps what it was asked."""

    def __init__(self, bit: bool | None = True) -> None:
        self.bit = bit
        self.asked: list[Any] = []

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(fields.get("fault", do))
        proof = [{"action": {}, "probe": "udp", "saw": "nothing", "bit": self.bit}]
        return {"number": 1, "name": "f", "proof": proof}

    def close(self) -> None:
        self.asked.append("closed")


def test_faults_are_those_of_the_nemesis() -> None:
    holder = Holder()
    with Client(holder, ["eu1", "eu2", "eu3"]) as client:
        client.crash("eu1", "n2")
        client.partition("eu1", ["eu2"])
        client.drop("eu1", "eu3")
        client.slow("eu1", ms=7)
        client.fault("kill-leader", 3.0)
        with client.pause("eu1"):
            pass
        for wrong in (
            client.crash,
            lambda: client.drop("n1", "n1"),
            lambda: client.partition("n9"),
        ):
            with pytest.raises(UsageError):
                wrong()
    faults = [fault_from_json(each) for each in holder.asked[:6]]
    begun = [fault.begin if isinstance(fault, Fault) else fault for fault in faults]
    assert begun[0] == (Kill(0), Kill(1))
    (cut,) = begun[1]
    assert isinstance(cut, Cut)
    assert len(cut.links) == 6, "three sides: who is on none is on one"
    assert begun[2] == (Cut(((0, 2),)),)
    (shape,) = begun[3]
    assert isinstance(shape, Shape)
    assert shape.weather == Weather(delay_ms=7)
    assert begun[4] == "kill-leader"
    assert holder.asked[6:] == ["heal", "closed"]


@pytest.mark.parametrize("bit", [False, None])
def test_what_did_not_bite_or_heal_is_no_fault(bit: bool | None) -> None:
    client = Client(Holder(bit), ["n1", "n2"])
    with pytest.raises(NotProved, match=r"f did not bite: \{\}: nothing"):
        client.crash("n1")
    with pytest.raises(NotProved, match="not healed"):
        client.heal()

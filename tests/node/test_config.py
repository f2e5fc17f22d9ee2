"""What a node is told is meant as it was said, or refused with the field's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.node.__main__ import main
from harness.node.config import Address, Config, ConfigError, read, replica_class

TOLD = {
    "id": 1,
    "protocol": "abd",
    "peers": {"0": "10.0.0.1:7000", "1": "10.0.0.2:7001"},
    "http": "0.0.0.0:8000",
    "data": "d",
}


def config(**changes: object) -> Config:
    return read({**TOLD, **changes})


def test_what_is_told_becomes_the_cluster() -> None:
    got = config(rtt_ms=7, zones=["eu", "us"], options={"fast": True})
    cluster = got.of_cluster()
    assert (cluster.nodes, cluster.zones, cluster.rtt_ms) == ((0, 1), ("eu", "us"), 7)
    assert cluster.options == {"fast": True}
    assert got.listen == Address("0.0.0.0", 7001)


def test_a_node_over_unix_sockets_listens_where_it_is_found() -> None:
    got = config(transport="unix", peers={"0": "unix:/run/0", "1": "unix:/run/1"})
    assert (got.peers[0], got.listen) == (Address("/run/0", 0), Address("/run/1", 0))


def test_a_node_of_an_ipv6_address_listens_on_ipv6() -> None:
    assert config(peers={"1": "[fd00::2]:7001"}).listen == Address("::", 7001)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": 2}, "node 2 is not among the peers 0, 1"),
        ({"id": "1"}, "id is a whole number"),
        ({"id": 256}, "id is a whole number"),
        ({"peers": {}}, "peers maps"),
        ({"peers": {"one": "h:1"}}, "a peer's id"),
        ({"peers": {"1": "h:99999"}}, "peer 1 is HOST:PORT"),
        ({"http": "8000"}, "http is HOST:PORT"),
        ({"transport": "ipx"}, "transport is one of tcp, unix, udp, not 'ipx'"),
        ({"transport": "unix"}, "peer 0 is unix:/PATH with this transport, not '10.0.0.1:7000'"),
        ({"peers": {"1": "unix:/run/1"}}, "peer 1 is HOST:PORT"),
        ({"transport": "unix", "peers": {"1": "unix:/" + "x" * 107}}, "at most 107 bytes"),
        ({"admin": "10.0.0.0/8"}, "admin is a list of networks"),
        ({"admin": ["10.0.0.0/99"]}, "admin: "),
        ({"answer_s": 0}, "answer_s is a whole number from 1"),
        ({"data": ""}, "data is missing"),
        ({"rtt_ms": 0}, "rtt_ms is a whole number from 1"),
        ({"rtt_ms": 1.5}, "rtt_ms is a whole number"),
        ({"zones": ["eu"]}, "zones has one"),
        ({"options": []}, "options is an object"),
        ({"protocoll": "abd"}, "no 'protocoll': did you mean 'protocol'"),
    ],
)
def test_what_cannot_be_meant_is_named(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config(**changes)


@pytest.mark.parametrize(
    "change",
    [
        {"transport": "udp"},
        {"cluster": "b"},
        {"protocol": "epaxos"},
        {"peers": {"1": "h:1"}},
        {"zones": ["a", "b"]},
    ],
)
def test_the_digest_tells_clusters_apart_but_not_their_nodes(change: dict[str, object]) -> None:
    assert config().digest() == config(id=0, http="h:1", data="e", rtt_ms=9).digest()
    assert config().digest() != config(**change).digest()


@pytest.mark.parametrize(
    ("protocol", "problem"),
    [
        ("epaxoss", "did you mean 'epaxos'"),
        ("paxos:Paxos", "cannot be loaded: No module named 'paxos'"),
        ("tests.node.replicas:Lodger", "cannot be loaded"),
        ("tests.node.replicas:Store", "is no Replica"),
    ],
)
def test_what_is_no_protocol_is_told(protocol: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        replica_class(protocol)


def test_the_command_line_wins_over_the_file_and_ends_with_64_for_nonsense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "node.json"
    file.write_text(json.dumps({**TOLD, "data": str(tmp_path / "d"), "protocol": "abd"}))
    assert main(["run", "--config", str(file), "--protocol", "multipaxoss"]) == 64
    assert "did you mean 'multipaxos'" in capsys.readouterr().err
    file.write_text("[]")
    assert main(["run", "--config", str(file)]) == 64
    assert "not a JSON object" in capsys.readouterr().err
    assert main(["run", "--config", str(tmp_path / "none")]) == 64
    with pytest.raises(SystemExit) as ended:
        main(["run", "--peers", "0"])
    assert ended.value.code == 2

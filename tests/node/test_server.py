"""Real node processes on the loopback: crash and restart, peers, clients, what ends a node."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.node import config, disk
from harness.node.frames import Hello, frame, hello_frame
from tests.node.crashes import write_through_crashes
from tests.node.processes import Processes, cluster
from tests.waiting import wait_until
from workloads.kernel import Refused


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Processes]:
    with cluster(tmp_path, 3) as processes:
        processes.start_all()
        yield processes


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Processes]:
    with cluster(tmp_path, 1) as processes:
        processes.start_all()
        yield processes


def holders(processes: Processes, keys: dict[str, int]) -> dict[str, int]:
    """On how many nodes each key is durable, as seen after kill -9 and restart of all of them."""
    for node in range(3):
        processes.end(node)
    processes.start_all()
    found = dict.fromkeys(keys, 0)
    for node in range(3):
        client = processes.client(node, 99 + node)
        for key, value in keys.items():
            found[key] += client.invoke("read", key, None) == value
        client.close()
    return found


def test_no_acknowledged_write_is_lost_to_kill_9(trio: Processes) -> None:
    """Goal: persist-first holds on a real disk. Every acknowledged key is on a majority after all
    nodes were killed in the middle of writes."""
    acked = write_through_crashes(trio, crashes=4)

    assert len(acked) > 200
    assert min(holders(trio, acked).values()) >= 2
    assert trio.wait_ready(0)["incarnation"] == 4


def test_the_test_above_notices_a_replica_that_does_not_persist(tmp_path: Path) -> None:
    with cluster(tmp_path, 3, "--option", "durable=false") as processes:
        processes.start_all()
        acked = write_through_crashes(processes, crashes=1)

        assert min(holders(processes, acked).values()) == 0


def test_a_restarted_peer_is_reached_again_at_once(trio: Processes) -> None:
    trio.end(1)
    trio.end(2)
    trio.start(1)
    trio.wait_ready(1)

    def connected() -> bool:
        return bool(trio.get(0, "/health")["connected"] == [1])

    wait_until(connected, 2, "node 0 has dialled node 1 again")
    client = trio.client(0)
    assert client.invoke("write", "x", [1, {"a": None}]) == [1, {"a": None}]
    assert client.invoke("read", "x", None) == [1, {"a": None}]
    client.close()


def test_a_clean_stop_ends_with_0_and_says_so(solo: Processes) -> None:
    assert solo.end(0, kill=False) == 0
    assert "stopping" in solo.log(0)
    assert "Traceback" not in solo.log(0)


def test_an_exception_in_a_step_ends_the_node_with_70(solo: Processes) -> None:
    client = solo.client(0)
    with pytest.raises(ConnectionError):
        client.invoke("break", "x", None)
    client.close()

    assert solo.running[0].wait(10) == 70
    assert "ValueError: told to break" in solo.log(0)


def test_notes_are_lines_that_survive_kill_9(solo: Processes) -> None:
    client = solo.client(0)
    for value in range(20):
        client.invoke("write", "x", value)
    client.close()
    solo.end(0)

    lines = (solo.base / "0" / "notes.jsonl").read_text().splitlines()
    notes = [json.loads(line) for line in lines]
    assert [note["value"] for note in notes] == [["x", value] for value in range(20)]
    assert {(note["node"], note["kind"]) for note in notes} == {(0, "executed")}
    times = [note["time"] for note in notes]
    assert times == sorted(times)


def test_two_nodes_cannot_share_a_directory(solo: Processes) -> None:
    first = solo.running.pop(0)
    solo.start(0)

    assert solo.running[0].wait(10) == 74
    assert "another node runs in this directory" in solo.log(0)
    solo.running[0] = first


def test_a_directory_of_another_protocol_is_refused(solo: Processes) -> None:
    solo.end(0)
    solo.protocol = "tests.node.replicas:Other"
    solo.start(0)

    assert solo.running[0].wait(10) == 74
    assert "belongs to tests.node.replicas:Ledger node 0" in solo.log(0)


def test_a_node_without_space_ends_and_says_why_and_comes_back_with_what_it_told_of(
    tmp_path: Path,
) -> None:
    page = tmp_path / "disk"
    page.write_bytes(bytes(disk.PAGE_BYTES))
    with cluster(tmp_path, 1, "--disk", str(page)) as solo:
        solo.start_all()
        client = solo.client(0)
        client.invoke("write", "x", 1)
        disk.Broken(str(tmp_path)).fill("5")
        with pytest.raises(OSError, match=r".*"):
            client.invoke("write", "x", 2)
        assert solo.running.pop(0).wait(10) == 74
        assert f"cannot write to {tmp_path / '0'}; exit 74" in solo.log(0)
        assert "No space left on device" in solo.log(0)
        for _ in range(2):
            solo.start(0)
            assert solo.running.pop(0).wait(10) == 74, "it cannot write that it starts"
        disk.Broken(str(tmp_path)).free()
        solo.start_all()
        assert "bytes of a torn record" in solo.log(0)
        assert client.invoke("read", "x", None) == 1
        assert solo.wait_ready(0)["incarnation"] == 2
        client.close()


def test_a_port_in_use_is_one_line(solo: Processes, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with cluster(tmp_path / "other", 1) as other:
        other.http_ports = solo.http_ports
        other.start(0)

        assert other.running[0].wait(10) == 69
        assert "address already in use" in other.log(0)
        assert "Traceback" not in other.log(0)


def test_garbage_and_strangers_are_counted_and_closed(trio: Processes) -> None:
    """What arrives on the peers' port never reaches a step: the node lives and serves."""
    says = {
        "refused": hello_frame(Hello("another cluster", 1, 0)),
        "garbage": b"GET / HTTP/1.1\r\n\r\n",
    }
    for kind, data in says.items():
        with socket.create_connection(("127.0.0.1", trio.peer_ports[0]), 5) as peer:
            peer.sendall(data)
            assert is_closed(peer)
        assert trio.counters(0)[kind] == 1
    client = trio.client(0)
    assert client.invoke("write", "x", 1) == 1
    client.close()


def test_a_peer_that_says_no_message_is_cut_off(trio: Processes) -> None:
    trio.end(1)
    trio.end(2)
    digest = digest_of(trio)
    for text in ('["Store"]', '["Nonsense",1]', "{}", "[" * 5000, '["Store",1,2]'):
        with socket.create_connection(("127.0.0.1", trio.peer_ports[0]), 5) as peer:
            peer.sendall(hello_frame(Hello(digest, 1, 0)) + frame(text))
            assert is_closed(peer), text

    assert trio.counters(0)["garbage"] == 5
    assert trio.health(0)


def is_closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def digest_of(processes: Processes) -> str:
    told = {"id": 0, "protocol": processes.protocol, "http": ":1", "data": "."}
    peers = {str(i): f"127.0.0.1:{port}" for i, port in enumerate(processes.peer_ports)}
    return config.read({**told, "peers": peers}).digest()


def test_pipelined_and_odd_http(solo: Processes) -> None:
    """Requests in one packet, and one in many packets, are answered in order on one connection."""
    with socket.create_connection(("127.0.0.1", solo.http_ports[0]), 5) as client:
        many = b"".join(
            b"PUT /k%d HTTP/1.1\r\nContent-Length: 1\r\n\r\n%d" % (i, i) for i in range(5)
        )
        client.sendall(
            many + b"GET /k3 HTTP/1.1\r\n\r\nGET /k4 HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        data = b"".join(iter(lambda: client.recv(65536), b""))

    bodies = [part.partition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200 OK")[1:]]
    assert [json.loads(body)["value"] for body in bodies] == [0, 1, 2, 3, 4, 3, 4]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{]", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"DELETE /x HTTP/1.1\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"hello\r\n\r\n", 400),
        (b"PUT /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"PUT /x HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"[" * 10_000 + b"]" * 10_000, 400),
        (b"GET /" + b"x" * 20_000, 431),
    ],
)
def test_malformed_requests_get_4xx_and_the_node_lives(
    solo: Processes, request_: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", solo.http_ports[0]), 5) as client:
        client.sendall(request_)
        assert client.recv(65536).startswith(b"HTTP/1.1 %d " % status)
    assert solo.health(0)


def test_an_unknown_command_is_refused(solo: Processes) -> None:
    client = solo.client(0)
    with pytest.raises(Refused, match="no such command: dance"):
        client.invoke("dance", "x", None)
    client.close()

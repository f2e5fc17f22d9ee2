"""Delay, jitter, loss, duplication and reordering of incoming packets, for kernels without netem.

One file, standard library only: it is sent to a host and run there (as root, or with CAP_NET_ADMIN)
by ``agent.py``. iptables hands it packets by NFQUEUE in mangle PREROUTING, on the *receiver*: packets
held at the sender would be charged to the sender's socket, and TCP would crawl (HOSTS.md 4c).
It holds a packet's verdict for as long as the packet is delayed; the payload stays in the kernel.

Its argument is the number of a queue; it says first which one it has (that, or the next that is free),
then reads JSON lines and answers each with one::

    {"rules": {"10.0.0.2": {"delay_ms": 50}}}           {"handled": 0, ...}
    {"rules": {"10.0.0.2": {"apart_us": 36500}}}        ... a distance: those that overtake have it, too
    {"counts": true}                                    {"handled": 812, "queue_dropped": 0, ...}

At the end of its input it lets everything pass that it holds, and ends. If it is killed, traffic
flows undelayed (``--queue-bypass``). If it is too slow, the kernel drops and counts (it does not
fail open: a packet that slips by would falsify the proof of the fault).

The messages are those of linux/netfilter/nfnetlink_queue.h.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_NETLINK_NETFILTER, _SOL_NETLINK, _NETLINK_NO_ENOBUFS = 12, 270, 5
_SO_RCVBUFFORCE = 33
_REQUEST, _ACK = 1, 4
_SUBSYSTEM = 3 << 8
_PACKET, _VERDICT, _CONFIG = 0, 1, 2
_DROP, _ACCEPT = 0, 1
_ETHERTYPE_IPV4 = 0x0800

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_GENERAL = struct.Struct(">BBH")  # family, version, queue
_ATTRIBUTE = struct.Struct("=HH")  # length, type

_HEADER_ONLY, _WHOLE_PACKET = 20, 0xFFFF
_MOST_HELD = 65_536
_TRIED_QUEUES = 64


def attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


class Queue:
    """One NFQUEUE of this network namespace. Raises OSError where the kernel refuses it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
        try:
            self._configure(attribute(1, struct.pack(">BBH", 1, 0, 0)))  # bind
            self._configure(attribute(3, struct.pack(">I", _MOST_HELD)))
            self.copy_whole(False)
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def copy_whole(self, whole: bool) -> None:
        """Whether packets come whole and ready for the wire, or as headers and as large as TCP made them."""
        size = _WHOLE_PACKET if whole else _HEADER_ONLY
        segments_stay_joined, fail_open = 4, 1
        flags = 0 if whole else segments_stay_joined
        mask = segments_stay_joined | fail_open
        self._configure(attribute(2, struct.pack(">IB", size, 2)))
        self._configure(
            attribute(5, struct.pack(">I", flags)) + attribute(4, struct.pack(">I", mask))
        )

    def _configure(self, attributes: bytes) -> None:
        body = _GENERAL.pack(0, 0, self.number) + attributes
        blocking = self._socket.getblocking()
        kind = _SUBSYSTEM | _CONFIG
        if not blocking:
            # The answer would be mixed with packets; a flag that does not change cannot be refused.
            self._socket.send(_HEADER.pack(16 + len(body), kind, _REQUEST, 1, 0) + body)
            return
        self._socket.send(_HEADER.pack(16 + len(body), kind, _REQUEST | _ACK, 1, 0) + body)
        (error,) = struct.unpack_from("=i", self._socket.recv(4096), 16)
        if error:
            raise OSError(-error, f"queue {self.number}: {os.strerror(-error)}")

    def verdict(self, packet: int, verdict: int) -> None:
        body = _GENERAL.pack(0, 0, self.number) + attribute(2, struct.pack(">II", verdict, packet))
        kind = _SUBSYSTEM | _VERDICT
        self._socket.send(_HEADER.pack(16 + len(body), kind, _REQUEST, 0, 0) + body)

    def packets(self, most: int = 64) -> Iterator[tuple[int, bytes]]:
        """``(number, as many bytes as were asked for)`` of packets that wait for a verdict."""
        for _ in range(most):
            try:
                data = self._socket.recv(_WHOLE_PACKET + 4096)
            except BlockingIOError:
                return
            offset = 0
            while offset + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, offset)
                if kind == _SUBSYSTEM | _PACKET:
                    yield _packet(data, offset + 20, offset + length)
                offset += (length + 3) & ~3

    def close(self) -> None:
        self._socket.close()


def _packet(data: bytes, offset: int, end: int) -> tuple[int, bytes]:
    number, payload = 0, b""
    while offset < end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if kind == 1:
            (number,) = struct.unpack_from(">I", data, offset + 4)
        elif kind == 10:
            payload = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return number, payload


def drops(queue: int) -> dict[str, int]:
    """The kernel's count of packets that the queue lost because the helper was too slow; if we may see it."""
    try:
        table = Path("/proc/net/netfilter/nfnetlink_queue").read_text(encoding="ascii")
    except (FileNotFoundError, PermissionError):  # not root's, or a /proc with parts hidden
        return {}
    for line in table.splitlines():
        numbers = [int(word) for word in line.split()]
        if numbers[0] == queue:
            return {"queue_dropped": numbers[5], "user_dropped": numbers[6]}
    return {}


class Sky:
    """The weather over this host: what becomes of a packet, by where it comes from."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.rules: dict[bytes, dict[str, int]] = {}
        self.held: list[tuple[int, int, int, bytes]] = []
        names = ("handled", "missed", "delayed", "lost", "duplicated", "reordered")
        self.counts = dict.fromkeys(names, 0)
        self._serial = 0
        self._again: socket.socket | None = None

    def set_rules(self, rules: dict[str, dict[str, int]]) -> None:
        """Replace all. What is held already leaves when it was to leave."""
        self.rules = {socket.inet_aton(address): rule for address, rule in rules.items()}
        twice = any(rule.get("duplicate_permille") for rule in rules.values())
        if twice and self._again is None:
            self._again = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.queue.copy_whole(twice)

    def take(self, number: int, payload: bytes) -> None:
        self.counts["handled"] += 1
        # The kernel numbers packets from 1, also those for which our socket had no room.
        self.counts["missed"] = number - self.counts["handled"]
        rule = self.rules.get(payload[12:16])
        if rule is None:
            self.queue.verdict(number, _ACCEPT)
            return
        if self._chance(rule, "loss_permille"):
            self.counts["lost"] += 1
            self.queue.verdict(number, _DROP)
            return
        copy = payload if self._chance(rule, "duplicate_permille") else b""
        delay_us = self._delay_us(rule)
        if delay_us > 0:
            self.counts["delayed"] += 1
            self._serial += 1
            due_ns = time.monotonic_ns() + delay_us * 1000
            heapq.heappush(self.held, (due_ns, self._serial, number, copy))
        else:
            self._release(number, copy)

    def _chance(self, rule: dict[str, int], name: str) -> bool:
        permille = rule.get(name, 0)
        return permille > 0 and random.randrange(1000) < permille

    def _delay_us(self, rule: dict[str, int]) -> int:
        apart_us = rule.get("apart_us", 0)
        if self._chance(rule, "reorder_permille"):
            self.counts["reordered"] += 1
            return apart_us
        jitter_us = rule.get("jitter_ms", 0) * 1000
        held_us = rule.get("delay_ms", 0) * 1000 + random.randint(-jitter_us, jitter_us)
        return apart_us + max(0, held_us)

    def _release(self, number: int, copy: bytes) -> None:
        self.queue.verdict(number, _ACCEPT)
        if copy and self._again is not None:
            # The copy comes in once more by the loopback device, whence packets are not queued.
            self.counts["duplicated"] += 1
            self._again.sendto(copy, ("lo", _ETHERTYPE_IPV4, 0, 0, bytes(6)))

    def release_due(self) -> float | None:
        """Let pass what is due. Returns the seconds to the next, or None."""
        now_ns = time.monotonic_ns()
        while self.held and self.held[0][0] <= now_ns:
            _, _, number, copy = heapq.heappop(self.held)
            self._release(number, copy)
        return max(0, self.held[0][0] - time.monotonic_ns()) / 1e9 if self.held else None

    def release_all(self) -> None:
        for number, payload in self.queue.packets(most=_MOST_HELD):
            self._release(number, payload[:0])
        for _, _, number, copy in self.held:
            self._release(number, copy)
        self.held.clear()


def bind_free(first: int) -> Queue:
    """The queue ``first``, or the next that nobody else has. Raises OSError if there is none."""
    for number in range(first, first + _TRIED_QUEUES):
        try:
            return Queue(number % 65_536)
        except PermissionError as error:
            # The kernel says EPERM for a queue that is another's as it does for a user without rights.
            refused = error
    raise refused


def serve(lines: int, first: int) -> None:
    """Answer the lines of file descriptor ``lines`` until they end."""
    queue = bind_free(first)
    sky = Sky(queue)
    _say({"queue": queue.number})
    pending = b""
    while True:
        ready, _, _ = select.select([queue.fileno(), lines], [], [], sky.release_due())
        if queue.fileno() in ready:
            for number, payload in queue.packets():
                sky.take(number, payload)
        if lines in ready:
            data = os.read(lines, 65_536)
            if not data:
                break
            *whole, pending = (pending + data).split(b"\n")
            for line in whole:
                request = json.loads(line)
                if "rules" in request:
                    sky.set_rules(request["rules"])
                _say({**sky.counts, "held": len(sky.held), **drops(queue.number)})
    sky.release_all()
    queue.close()


def _say(answer: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    serve(sys.stdin.fileno(), int(sys.argv[1]))


if __name__ == "__main__":
    main()

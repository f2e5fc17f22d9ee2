"""Small replicas for tests of the node: they are told what to do rather than knowing a protocol."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.kernel import Command, Json, NodeId, Replica, RequestId, record


@record
class Store:
    request: RequestId
    key: str
    value: Json


@record
class Stored:
    request: RequestId


class Ledger(Replica[Store | Stored]):
    """Writes are answered once a majority has made them durable; reads tell what this node has.

    With option ``durable`` false it forgets to persist, which a test of durability must notice.
    """

    messages = (Store, Stored)

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.values = dict(durable)
        self.stored: dict[RequestId, set[NodeId]] = {}
        self.unanswered: dict[RequestId, Command] = {}
        if self.cluster.options.get("chatty"):
            self.set_timer("chat", 1, 5)

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f == "read":
            self.reply(request, self.values.get(command.key))
        elif command.f == "write":
            self.unanswered[request] = command
            self.stored[request] = set()
            self.on_timer(str(request))
        elif command.f == "break":
            raise ValueError("told to break")
        else:
            self.reply(request, f"no such command: {command.f}", ok=False)

    def on_timer(self, timer: str) -> None:
        if timer == "chat":
            self.broadcast(Stored(0), self.peers)
            self.set_timer("chat", 1, 5)
            return
        command = self.unanswered[int(timer)]
        self.broadcast(Store(int(timer), command.key, command.value))
        self.set_timer(timer, 50, 100)

    def on_message(self, src: NodeId, msg: Store | Stored) -> None:
        if isinstance(msg, Store):
            if self.values.get(msg.key) != msg.value:
                self.values[msg.key] = msg.value
                if self.cluster.options.get("durable", True):
                    self.persist(msg.key, msg.value)
                self.note("executed", [msg.key, msg.value])
            self.send(src, Stored(msg.request))
        elif msg.request in self.unanswered:
            self.stored[msg.request].add(src)
            if len(self.stored[msg.request]) == self.majority:
                self.reply(msg.request, self.unanswered.pop(msg.request).value)
                del self.stored[msg.request]
                self.cancel_timer(str(msg.request))

    def leader(self) -> NodeId | None:
        leader = self.cluster.options.get("leader")
        return leader if isinstance(leader, int) else None


class Other(Ledger):
    """The same under another name: another protocol, as far as a journal knows."""

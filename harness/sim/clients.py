"""The clients: threads that ask what the generator says, and write down what they were told.

A client sits beside its node and next to no time passes between the two: latency there would only
hide anomalies (Maelstrom's lesson). Its op is *ok* or *fail* as the node says; *fail* where the
node was down and refused the connection; *info* where the connection broke or time ran out, and
then the thread goes on as a new process.
"""

from __future__ import annotations

from bisect import insort
from random import Random

from checker.history import FAIL, INFO, INVOKE, OK, Row
from harness.sim.agenda import POLL, REQUEST, TIMEOUT, Agenda
from harness.sim.jsonable import plain
from harness.sim.network import DELAY_BITS, MS, US
from harness.sim.setup import Setup
from protocols.kernel import Command
from workloads.kernel import At, Generator, Invoke, next_process

REQUEST_NS = 20 * US, 120 * US
"""Between invocation and arrival at the node."""

REFUSED_AFTER_NS = 5 * MS
"""How long a client needs to learn that its node is down: a closed loop must not spin."""


class Call:
    """One op on its way: who asked for what, of which node."""

    __slots__ = ("client", "command", "node", "request")

    def __init__(self, client: Client, command: Command, node: int) -> None:
        self.client, self.command, self.node = client, command, node
        self.request = 0
        """The node's own number for it, once it has arrived there."""


class Client:
    """One client thread. ``call`` is its op in flight; ``alarm`` whether its time-out is due."""

    __slots__ = ("alarm", "call", "deadline_ns", "draw", "process", "serial", "thread")

    def __init__(self, thread: int, seed: int | str) -> None:
        self.thread = self.process = thread
        self.serial = 0
        self.call: Call | None = None
        self.deadline_ns = 0
        self.alarm = False
        self.draw = Random(f"{seed}/client/{thread}").getrandbits


class Clients:
    """All client threads, and the generator that they follow."""

    def __init__(self, setup: Setup, agenda: Agenda, rows: list[Row]) -> None:
        self._options = setup.options
        self._timeout_ns = setup.client_timeout_ms * MS
        self._agenda, self._rows = agenda, rows
        self._clients = [Client(thread, setup.seed) for thread in range(setup.options.threads)]
        self._idle = list(range(setup.options.threads))
        self._generator: Generator | None = None
        self._hears: Generator | None = None
        self._next_poll_ns = -1
        self.done = False
        """The generator has ended, and so have all its ops."""

    def follow(self, generator: Generator) -> None:
        """Begin with a new generator. The one before is done."""
        self._generator = self._hears = generator
        self._next_poll_ns = -1
        self.done = False
        self.poll()

    def stop(self) -> None:
        """Invoke nothing more. Ops in flight still complete."""
        self._generator = None
        self.poll()

    def poll(self) -> None:
        """Invoke all that the generator wants now, and come back when it says."""
        now_ns = self._agenda.now_ns
        while self._generator is not None:
            match self._generator.poll(now_ns, self._idle):
                case Invoke() as invoke:
                    self._invoke(self._generator, invoke)
                case At(time_ns):
                    assert time_ns > now_ns, "a generator asks to be polled in the past"
                    if time_ns != self._next_poll_ns:
                        self._next_poll_ns = time_ns
                        self._agenda.at(time_ns, POLL, 0)
                    return
                case None:
                    self._generator = None
                case _:
                    return
        self.done = len(self._idle) == len(self._clients)

    def due(self) -> None:
        """A POLL entry has come up; an older one may be of no interest any more."""
        if self._next_poll_ns == self._agenda.now_ns:
            self._next_poll_ns = -1
            self.poll()

    def _invoke(self, generator: Generator, invoke: Invoke) -> None:
        client = self._clients[invoke.thread]
        self._idle.remove(client.thread)
        now_ns = self._agenda.now_ns
        node = client.thread % self._options.nodes if invoke.node is None else invoke.node
        client.serial += 1
        value = plain(invoke.value)
        session = f"c{client.process}"
        call = Call(client, Command(invoke.f, invoke.key, value, session, client.serial), node)
        client.call = call
        client.deadline_ns = now_ns + self._timeout_ns
        row = Row(
            now_ns, client.process, INVOKE, invoke.f, invoke.key, plain(invoke.value),
            node=node, intended_ns=invoke.intended_ns,
        )  # fmt: skip
        self._rows.append(row)
        least, most = REQUEST_NS
        after = least + (client.draw(DELAY_BITS) * (most - least) >> DELAY_BITS)
        self._agenda.at(now_ns + after, REQUEST, node, call)
        if not client.alarm:
            client.alarm = True
            self._agenda.at(client.deadline_ns, TIMEOUT, client.thread)
        generator.update(client.thread, row)

    def timed_out(self, thread: int) -> Call | None:
        """A TIMEOUT entry has come up: the call that is given up, if it is not of an older op."""
        client = self._clients[thread]
        call = client.call
        client.alarm = False
        if call is None:
            return None
        if self._agenda.now_ns < client.deadline_ns:
            client.alarm = True
            self._agenda.at(client.deadline_ns, TIMEOUT, thread)
            return None
        self.complete(call, INFO, error="no answer in time")
        return call

    def answered(self, call: Call, value: object, *, ok: bool) -> None:
        """The node has answered this call."""
        if ok:
            self.complete(call, OK, plain(value))
        else:
            self.complete(call, FAIL, error="refused" if value is None else str(value))

    def refused(self, call: Call) -> None:
        """The node was down when this call arrived; the client notices a little later."""
        later_ns = self._agenda.now_ns + REFUSED_AFTER_NS
        self._agenda.at(later_ns, REQUEST, call.node, call, "connection refused")

    def complete(
        self, call: Call, type: int, value: object = None, *, error: str | None = None
    ) -> None:
        """Write down how a call ended, unless its client has given it up already."""
        client = call.client
        if client.call is not call:
            return
        client.call = None
        command = call.command
        if type != OK:
            value = plain(command.value)
        row = Row(
            self._agenda.now_ns, client.process, type, command.f, command.key, value, error,
            node=call.node,
        )  # fmt: skip
        self._rows.append(row)
        if type == INFO:
            client.process = next_process(client.process, len(self._clients))
            client.serial = 0
        insort(self._idle, client.thread)
        assert self._hears is not None
        self._hears.update(client.thread, row)

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
from protocols.shapes import SCALARS
from workloads.kernel import At, Generator, Invoke, next_process

REQUEST_NS = 20 * US, 120 * US
"""Between invocation and arrival at the node."""

REFUSED_AFTER_NS = 5 * MS
"""How long a client needs to learn that its node is down: a closed loop must not spin."""


new_row = tuple.__new__
"""Makes a Row of its fields; the class's own constructor takes twice as long."""


class Call:
    """One op on its way: who asked for what, of which node."""

    __slots__ = ("client", "command", "node", "request")

    def __init__(self, client: Client, command: Command, node: int) -> None:
        self.client, self.command, self.node = client, command, node
        self.request = 0
        """The node's own number for it, once it has arrived there."""


class Client:
    """One client thread. ``call`` is its op in flight; ``alarm`` whether its time-out is due."""

    __slots__ = ("alarm", "call", "deadline_ns", "draw", "process", "serial", "session", "thread")

    def __init__(self, thread: int, seed: int | str) -> None:
        self.thread = self.process = thread
        self.serial = 0
        self.session = f"c{thread}"
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
        now_ns, idle = self._agenda.now_ns, self._idle
        while (generator := self._generator) is not None:
            next_ = generator.poll(now_ns, idle)
            # Not `match`: a pattern of a class and its field is slow, and this is asked for each op.
            if type(next_) is Invoke:
                self._invoke(generator, next_)
            elif type(next_) is At:
                time_ns = next_.time_ns
                assert time_ns > now_ns, "a generator asks to be polled in the past"
                if time_ns != self._next_poll_ns:
                    self._next_poll_ns = time_ns
                    self._agenda.at(time_ns, POLL, 0)
                return
            elif next_ is None:
                self._generator = None
            else:
                return
        self.done = len(self._idle) == len(self._clients)

    def due(self) -> None:
        """A POLL entry has come up; an older one may be of no interest any more."""
        if self._next_poll_ns == self._agenda.now_ns:
            self._next_poll_ns = -1
            self.poll()

    def _invoke(self, generator: Generator, invoke: Invoke) -> None:
        thread, f, key, asked, intended_ns, node = invoke
        client = self._clients[thread]
        self._idle.remove(thread)
        now_ns = self._agenda.now_ns
        if node is None:
            node = thread % self._options.nodes
        client.serial += 1
        process = client.process
        value = asked if type(asked) in SCALARS else plain(asked)
        call = Call(client, Command(f, key, value, client.session, client.serial), node)
        client.call = call
        client.deadline_ns = now_ns + self._timeout_ns
        value = asked if type(asked) in SCALARS else plain(asked)
        fields = now_ns, process, INVOKE, f, key, value, None, node, intended_ns
        row = new_row(Row, fields)
        self._rows.append(row)
        least, most = REQUEST_NS
        after = least + (client.draw(DELAY_BITS) * (most - least) >> DELAY_BITS)
        self._agenda.at(now_ns + after, REQUEST, node, call)
        if not client.alarm:
            client.alarm = True
            self._agenda.at(client.deadline_ns, TIMEOUT, thread)
        generator.update(thread, row)

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

    def answered(self, call: Call, value: object, *, ok: bool | None) -> None:
        """The node has answered this call; ``value`` is nobody else's to change."""
        if ok:
            self.complete(call, OK, value)
        elif ok is None:
            self.complete(call, INFO, error=str(value))
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
        now_ns, process, f = self._agenda.now_ns, client.process, command.f
        fields = now_ns, process, type, f, command.key, value, error, call.node, None
        row = new_row(Row, fields)
        self._rows.append(row)
        if type == INFO:
            client.process = next_process(client.process, len(self._clients))
            client.serial, client.session = 0, f"c{client.process}"
        insort(self._idle, client.thread)
        assert self._hears is not None
        self._hears.update(client.thread, row)

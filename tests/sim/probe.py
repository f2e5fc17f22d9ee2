"""A replica that does what it is asked, and clients that follow a script: to look at the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checker.history import History, Row
from harness.sim import PERFECT, Run, Setup, simulate
from nemesis.actions import Action, Fault, Window
from protocols.kernel import Command, Json, Replica, RequestId, record
from workloads.kernel import WAIT, At, Invoke, Options, Poll, Workload

MS = 1_000_000


@record
class Ping:
    request: RequestId
    at_ms: int
    words: tuple[str, ...]


@record
class Pong:
    request: RequestId
    at_ms: int


class Probe(Replica):
    """Commands: echo, refuse, silent, set, get, ping (another node), myself, later, again, cancel."""

    messages = (Ping, Pong)

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.disk = dict(durable)
        self.memory: Json = None
        self.boots = int(durable.get("boots", 0)) + 1
        self.persist("boots", self.boots)
        self.note("booted", self.boots)
        self.got: list[int] = []
        if self.cluster.options.get("beat"):
            self.set_timer("beat", 10)

    def on_request(self, request: RequestId, command: Command) -> None:
        value = command.value
        match command.f:
            case "echo":
                self.reply(request, [value, command.session, command.serial, request])
            case "refuse":
                self.reply(request, "no", ok=False)
            case "set":
                self.memory = value
                self.persist("memory", value)
                self.reply(request, None)
            case "get":
                self.reply(request, [self.memory, self.disk.get("memory"), self.boots])
            case "got":
                self.reply(request, self.got)
            case "ping":
                self.send(value, Ping(request, self.now_ms, ("a", "b")))
            case "burst":
                for i in range(20):
                    self.send(value, Pong(0, i))
                self.reply(request, None)
            case "myself":
                self.send(self.id, Ping(request, self.now_ms, ()))
            case "later":
                self.started_ms = self.now_ms
                self.set_timer(str(request), *value)
            case "put off":
                self.started_ms = self.now_ms
                for until in value:
                    self.set_timer(str(request), until)
            case "cancelled":
                self.set_timer(str(request), 5)
                self.cancel_timer(str(request))

    def on_message(self, src: int, msg: object) -> None:
        match msg:
            case Ping(request, at_ms, words):
                assert isinstance(words, tuple)
                self.send(src, Pong(request, at_ms))
            case Pong(0, n):
                self.got.append(n)
            case Pong(request, at_ms):
                self.reply(request, self.now_ms - at_ms)

    def on_timer(self, timer: str) -> None:
        if timer == "beat":
            self.note("beat", self.boots)
            self.set_timer("beat", 10)
        else:
            self.reply(int(timer), self.now_ms - self.started_ms)


class Script:
    """Invokes each (at_ms, thread, f, value) when its time has come and its thread is idle."""

    def __init__(self, lines: Sequence[tuple[int, int, str, object]]) -> None:
        self.lines = list(lines)
        self.heard: list[Row] = []

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if not self.lines:
            return None
        at_ms, thread, f, value = self.lines[0]
        if now_ns < at_ms * MS:
            return At(at_ms * MS)
        if thread not in idle:
            return WAIT
        del self.lines[0]
        return Invoke(thread, f, "k", value, at_ms * MS)

    def update(self, thread: int, row: Row) -> None:
        self.heard.append(row)


def window(at_ms: int, for_ms: int, begin: Sequence[Action], end: Sequence[Action] = ()) -> Window:
    return Window(at_ms, for_ms, Fault("fault", tuple(begin), tuple(end)))


def setup(
    lines: Sequence[tuple[int, int, str, object]], *windows: Window, nodes: int = 2, **more: object
) -> Setup:
    """A setup in which the clients follow the lines, for a second."""
    workload = Workload(
        name="script",
        main=lambda random, options: Script(lines),
        final=lambda random, options: Script([]),
        checks={},
    )
    options = Options(threads=4, nodes=nodes, time_ms=1_000)
    usual: dict[str, object] = {"network": PERFECT, "skew_ms": 0, "settle_ms": 0}
    return Setup(
        protocol=Probe, workload=workload, options=options, plan=windows, **{**usual, **more}
    )


def play(lines: Sequence[tuple[int, int, str, object]], *windows: Window, **more: object) -> Run:
    return simulate(setup(lines, *windows, **more))


def ends(run: Run) -> list[tuple[int, int, object, str | None]]:
    """(process, type, value, error) of each op, in order of invocation."""
    history = History.of(run.rows)
    done = [run.rows[op.completed] for op in history.ops() if op.completed is not None]
    return [(row.process, row.type, row.value, row.error) for row in done]

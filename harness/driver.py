"""The real interpreter of generators: client threads that do what the generator says, when it says so.

There is no scheduler thread to hand work over. The generator belongs to whoever holds the *turn* (a
lock): a thread that has completed an op records it, polls, and if the next op is its own goes on
with that, all in one turn. One idle thread, the *timer*, sleeps until the time that the generator
named; the others sleep until they are given an op. (Leader/followers: Schmidt et al.,
"Pattern-Oriented Software Architecture", volume 2, 2000.)

Rows are recorded within the turn, so their order is real-time order: an op's invocation before its
client is called, its completion after the client has returned and before any later invocation.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from checker.history import FAIL, INFO, INVOKE, OK, Row
from harness.errors import RemoteError
from harness.load_stats import Stats
from workloads.kernel import At, Client, Generator, Invoke, Refused, next_process

Clients: TypeAlias = Callable[[int, int, int], Client]
"""(thread, process, node) -> a new client, for that one process."""

BACK_OFF_S, LONGEST_BACK_OFF_S = 0.01, 0.5
"""A thread that cannot reach its node is left out of play this long, doubling, up to the most."""
_LOOK_EVERY_S = 0.05
_LONGEST_ERROR = 200


class _Done(NamedTuple):
    """How an op ended. ``unreachable``: its node should be left in peace for a while."""

    began_ns: int
    type: int
    value: object
    error: str | None = None
    unreachable: bool = False


class _Worker:
    """A client thread. Others touch it within the turn only."""

    __slots__ = (
        "client", "client_of", "due_ns", "failures", "given", "idle", "in_flight", "intended_ns", "left",
        "node", "process", "signalled", "thread", "wake",
    )  # fmt: skip

    def __init__(self, thread: int, process: int) -> None:
        self.thread, self.process = thread, process
        self.client: Client | None = None
        self.client_of = -1
        """The process that the client is for."""
        self.node = -1
        """The node of this process; -1 before its first op."""
        self.idle = False
        self.given: Row | None = None
        """The op to run next, as invoked."""
        self.in_flight: Row | None = None
        """The op that was given and has not completed."""
        self.intended_ns = self.due_ns = 0
        self.failures = 0
        self.left = False
        """Its op is recorded as info and another thread has its place: it has no say any more."""
        self.wake = threading.Lock()
        self.wake.acquire()
        self.signalled = False

    def signal(self) -> None:
        """Within the turn: wake the thread, or keep it from falling asleep."""
        if not self.signalled:
            self.signalled = True
            self.wake.release()

    def hear_signal(self) -> None:
        """Within the turn, awake for whatever reason: be ready to sleep again."""
        if self.signalled:
            self.signalled = False
            self.wake.acquire(blocking=False)  # taken already, unless a time-out came first


class Driver:
    """Client threads against a system. ``run`` may be called again: processes go on counting.

    ``record`` is called within the turn; ``stats`` may be read at any time. ``clock_ns`` counts
    from the start of the trial. Once ``stop`` is set no op begins; those in flight complete.
    Time-outs are the clients' affair; but should one not come back for ``grace_s`` (more than
    their time-out), its op is recorded as info, and its thread is left to itself and replaced.

    A process asks one node, through one client. After *info*, and where an op is for another node,
    its thread goes on as a new process with a new client.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        threads: int,
        nodes: int,
        record: Callable[[Row], None],
        clock_ns: Callable[[], int],
        stop: threading.Event,
        grace_s: float = 10.0,
    ) -> None:
        self.clients, self.threads, self.nodes = clients, threads, nodes
        self.record, self.clock_ns, self.stop, self.grace_s = record, clock_ns, stop, grace_s
        self.stats = Stats()
        self._process = list(range(threads))

    def run(self, generator: Generator) -> Stats:
        """Run a generator to its end, or until ``stop`` is set.

        Raises what the generator, ``record`` or the caller's thread (Ctrl-C) raised, after all ops
        in flight have ended.
        """
        run = _Run(self, generator, self._process)
        try:
            run.play()
        finally:
            self._process = [next_process(w.process, self.threads) for w in run.workers]
        return self.stats


class _Run:
    """One generator's run, with its threads."""

    def __init__(self, driver: Driver, generator: Generator, processes: list[int]) -> None:
        self.driver, self.generator, self.stats = driver, generator, driver.stats
        self.record, self.clock_ns = driver.record, driver.clock_ns
        self.workers = [_Worker(thread, process) for thread, process in enumerate(processes)]
        self.turn = threading.Lock()
        self.idle: list[int] = []
        self.free_since_ns = 0
        self.timer: _Worker | None = None
        self.timer_ns = 0
        self.over = threading.Event()
        self.alive = len(self.workers)
        self.all_gone = threading.Event()
        self.failure: BaseException | None = None

    # --- the caller's thread ----------------------------------------------------------------------

    def play(self) -> None:
        started = 0
        try:
            for worker in self.workers:
                self.start(worker)
                started += 1
            self.await_all()
        except BaseException as error:
            self.end()
            with self.turn:
                self.count_gone(len(self.workers) - started)
            self.await_all()
            if self.failure is not None:
                error.add_note(f"and in a client's thread: {self.failure!r}")
            raise
        if self.failure is not None:
            raise self.failure

    def start(self, worker: _Worker) -> None:
        name = f"client-{worker.thread}"
        threading.Thread(target=self.live, args=(worker,), name=name, daemon=True).start()

    def await_all(self) -> None:
        while not self.all_gone.wait(_LOOK_EVERY_S):
            if self.driver.stop.is_set():
                self.end()
            too_old_ns = self.clock_ns() - int(self.driver.grace_s * 1e9)
            with self.turn:
                for worker in self.workers:
                    if worker.in_flight is not None and worker.in_flight.time_ns < too_old_ns:
                        self.replace(worker)

    def end(self) -> None:
        """Let no op begin any more."""
        with self.turn:
            self.over.set()
            for thread in self.idle:
                self.workers[thread].signal()

    def replace(self, worker: _Worker) -> None:
        """Within the turn: go on without a thread whose client does not come back."""
        row = worker.in_flight
        assert row is not None
        self.stats.abandoned += 1
        worker.left = True
        text = f"had not come back after {self.driver.grace_s:g} s"
        self.complete(worker, _Done(worker.due_ns, INFO, row.value, text, unreachable=True))
        self.alive -= 1
        fresh = self.workers[worker.thread] = _Worker(worker.thread, worker.process)
        self.start(fresh)
        self.alive += 1

    # --- a client's thread ------------------------------------------------------------------------

    def live(self, me: _Worker) -> None:
        try:
            row = self.next_op(me, None)
            while row is not None:
                row = self.next_op(me, self.perform(me, row))
        except BaseException as error:  # noqa: BLE001  raised again by play()
            self.fail(me, error)
        finally:
            self.drop_client(me)
            with self.turn:
                self.count_gone(not me.left)

    def fail(self, me: _Worker, error: BaseException) -> None:
        """End the run because of an error that is not a client's."""
        self.end()
        with self.turn:
            if self.failure is None:
                self.failure = error
            else:
                self.failure.add_note(f"and in another thread: {error!r}")
            row, me.in_flight = me.in_flight, None
            if row is not None and not me.left:
                text = f"the driver failed: {error!r}"[:_LONGEST_ERROR]
                try:
                    self.record(row._replace(time_ns=self.clock_ns(), type=INFO, error=text))
                except Exception as second:  # noqa: BLE001  the first is the cause
                    self.failure.add_note(f"and its op could not be recorded: {second!r}")

    def perform(self, me: _Worker, row: Row) -> _Done:
        began_ns = self.clock_ns()
        if me.client_of != me.process:
            self.drop_client(me)
        try:
            if me.client is None:
                me.client_of = me.process
                me.client = self.driver.clients(me.thread, me.process, me.node)
        except Exception as error:  # noqa: BLE001  nothing was asked yet, so it certainly failed
            return _Done(began_ns, FAIL, row.value, f"no client: {_text(error)}", unreachable=True)
        try:
            return _Done(began_ns, OK, me.client.invoke(row.f, str(row.key), row.value))
        except Refused as error:
            unreachable = isinstance(error.__cause__, OSError | RemoteError)
            return _Done(began_ns, FAIL, row.value, str(error)[:_LONGEST_ERROR], unreachable)
        except Exception as error:  # noqa: BLE001  the client's contract: any other is info
            return _Done(began_ns, INFO, row.value, _text(error), unreachable=True)

    def drop_client(self, me: _Worker) -> None:
        client, me.client = me.client, None
        if client is None:
            return
        try:
            client.close()
        except Exception as error:  # noqa: BLE001  whatever it was, nobody needs this client now
            with self.turn:
                self.stats.error(f"close: {_text(error)}")

    def next_op(self, me: _Worker, done: _Done | None) -> Row | None:
        """Record how the last op ended, and wait for the next; None at the end of the run."""
        out_of_play = done is not None and done.unreachable
        with self.turn:
            if me.left:
                return None
            if done is not None:
                self.complete(me, done)
            if not out_of_play:
                self.join(me)
            self.dispatch(me)
            if me.given is not None:
                return self.take(me)
        if done is not None and done.unreachable:
            self.recover(me, done)
        return self.await_op(me)

    def recover(self, me: _Worker, done: _Done) -> None:
        """Out of play: part with a client that may be broken, and wait before trying a new one."""
        if done.type == INFO:
            self.drop_client(me)
        pause_s = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** min(me.failures, 10))
        took_s = (self.clock_ns() - done.began_ns) / 1e9
        me.failures += 1
        self.over.wait(max(0.0, pause_s - took_s))
        with self.turn:
            self.join(me)
            self.dispatch(me)

    def await_op(self, me: _Worker) -> Row | None:
        while True:
            with self.turn:
                me.hear_signal()
                if me.given is None and self.timer is me and self.clock_ns() >= self.timer_ns:
                    self.timer = None
                    self.dispatch(me)
                if me.given is not None:
                    return self.take(me)
                if self.over.is_set():
                    return None
                timeout_s = -1.0
                if self.timer is me:
                    timeout_s = max(0.0, (self.timer_ns - self.clock_ns()) / 1e9)
            me.wake.acquire(timeout=timeout_s)

    # --- within the turn --------------------------------------------------------------------------

    def count_gone(self, threads: int) -> None:
        self.alive -= threads
        if not self.alive:
            self.all_gone.set()

    def join(self, me: _Worker) -> None:
        if not self.idle:
            self.free_since_ns = self.clock_ns()
        insort(self.idle, me.thread)
        me.idle = True

    def take(self, me: _Worker) -> Row:
        row, me.given = me.given, None
        assert row is not None
        return row

    def dispatch(self, me: _Worker) -> None:
        """Give idle threads what the generator has for them now."""
        while self.idle and not self.over.is_set():
            now_ns = self.clock_ns()
            if self.driver.stop.is_set():
                poll = None
            else:
                poll = self.generator.poll(now_ns, tuple(self.idle))
            if type(poll) is Invoke:
                self.give(me, poll, now_ns)
            elif type(poll) is At:
                self.arm(me, poll.time_ns)
                return
            elif poll is None:
                self.over.set()
                for thread in self.idle:
                    self.workers[thread].signal()
            else:
                return

    def give(self, me: _Worker, invoke: Invoke, now_ns: int) -> None:
        """Record an invocation, and let its thread know unless that is this one."""
        thread, f, key, value, intended_ns, node = invoke
        worker = self.workers[thread]
        assert worker.idle, f"{invoke} is for a thread that is not idle"
        self.idle.remove(thread)
        worker.idle = False
        if self.timer is worker:
            self.timer = None
        if node is None:
            node = thread % self.driver.nodes
        if node != worker.node:
            if worker.node >= 0:
                worker.process = next_process(worker.process, self.driver.threads)
            worker.node = node
        late = intended_ns if intended_ns < now_ns else None
        row = Row(now_ns, worker.process, INVOKE, f, key, value, None, node, late)
        self.record(row)
        worker.in_flight = worker.given = row
        worker.intended_ns = worker.due_ns = intended_ns
        if intended_ns < self.free_since_ns:
            worker.due_ns = self.free_since_ns
            self.stats.waited += 1
        self.stats.count(f, INVOKE)
        self.generator.update(thread, row)
        if worker is not me:
            worker.signal()

    def complete(self, me: _Worker, done: _Done) -> None:
        row, me.in_flight = me.in_flight, None
        assert row is not None
        now_ns, stats = self.clock_ns(), self.stats
        ended = Row(
            now_ns, row.process, done.type, row.f, row.key, done.value, done.error, row.node
        )
        self.record(ended)
        stats.count(row.f, done.type)
        stats.lateness.add(done.began_ns - me.due_ns)
        if done.type == OK:
            stats.ok_after(row.f, now_ns - me.intended_ns)
        elif done.error is not None:
            stats.error(done.error)
        if not done.unreachable:
            me.failures = 0
        if done.type == INFO:
            me.process = next_process(me.process, self.driver.threads)
            me.node = -1
        self.generator.update(me.thread, ended)

    def arm(self, me: _Worker, time_ns: int) -> None:
        """See that an idle thread polls again at ``time_ns``."""
        if self.timer is not None and self.timer_ns <= time_ns:
            return
        self.timer = me if me.idle else self.workers[self.idle[0]]
        self.timer_ns = time_ns
        if self.timer is not me:
            self.timer.signal()


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]

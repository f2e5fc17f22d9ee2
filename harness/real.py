"""A trial on real hosts: install, start, load, break, heal, look, fetch, clean. In that order, always.

What was set up is taken down in reverse, whatever happens: an ``ExitStack`` holds the steps. The
history is written as it happens, so that a killed run can still be judged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeAlias

from checker.history import INFO, NEMESIS, Row
from checker.proofs import STANDING
from harness.deployment import Deployment
from harness.driver import Driver
from harness.errors import HarnessError, NotReadyError
from harness.load_stats import Stats
from harness.nemesis_thread import NemesisThread
from harness.online import Online
from harness.remote.distances import words
from harness.remote.seam import Host, on_all
from harness.report.meter import Meter
from harness.report.progress import Progress
from harness.store.record import RunDirectory
from harness.systems.product import Product
from harness.trial import Trial
from harness.wan import links_of
from nemesis.plan import lanes
from workloads.touched import Touched

Record: TypeAlias = Callable[[Row], None]

GRACE_S = 2.0
"""How much longer than a client's time-out an op in flight may take at the end."""

RESTORE_S = 30.0
"""How long the first members may take to become members again, with nothing in the way."""

_WAIT_FOR_END = """
kill -TERM "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
"""


def product_of(trial: Trial) -> type[Product] | None:
    """None where it is a protocol of ours that is tested."""
    tested = trial.tested()
    return tested if issubclass(tested, Product) else None


class RealTrial:
    """One execution on hosts. ``run`` leaves everything in the run directory; judging comes after."""

    def __init__(
        self,
        trial: Trial,
        hosts: Sequence[Host],
        directory: RunDirectory,
        progress: Progress,
        *,
        about: Mapping[str, object],
        tunnel: bool = False,
        leave_running: bool = False,
        admin: bool = False,
        lossy: bool = False,
    ) -> None:
        self.trial, self.directory, self.progress = trial, directory, progress
        self.about: dict[str, object] = {**trial.to_json(), **about}
        directory.write_trial(self.about)
        self.leave_running = leave_running
        self.workload = trial.made_workload()
        self.online = Online(progress.say) if trial.stop_on_anomaly else None
        if self.online is not None:
            self.workload = self.online.watching(self.workload)
        self.plan = trial.windows()
        asked = {lane for window in self.plan for lane in lanes(window.fault)}
        product = product_of(trial)
        zones = trial.places() or [host.zone for host in hosts]
        self.deployed = Deployment(
            trial.protocol,
            [replace(host, zone=zone) for host, zone in zip(hosts, zones, strict=True)],
            rtt_ms=trial.rtt_ms,
            options=trial.options,
            tunnel=tunnel,
            leave_running=leave_running,
            admin=admin,
            lossy=lossy or (product is not None and "disk" in asked),
            transport=trial.transport,
            product=product,
            lanes=asked,
            say=progress.say,
        )
        self.hosts, self.remotes = self.deployed.hosts, self.deployed.remotes
        self.system, self.injector = self.deployed.system, self.deployed.injector
        self.meter = Meter()
        self.stop = threading.Event()
        self.interrupted = False
        self.started_ns = time.monotonic_ns()

    def clock_ns(self) -> int:
        """Since the first op could begin."""
        return time.monotonic_ns() - self.started_ns

    def run(self) -> Stats:
        """The whole trial. Raises HarnessError where a host or the system does not come up."""
        with ExitStack() as cleanup:
            self.deployed.bring_up(
                cleanup,
                self.progress,
                weather="packet" in self.deployed.lanes,
                rtt_ms=links_of(self.trial),
                clean=self.clean,
            )
            stats = self.load()
            self.collect()
        return stats

    # --- load and faults --------------------------------------------------------------------------

    def load(self) -> Stats:
        """The main phase under faults, the heal, the final reads; rows go to the store."""
        touched = Touched()
        with self.directory.journal() as journal:

            def record(row: Row) -> None:
                journal.record(row)
                touched.hear(row)
                if row.process >= 0:
                    self.meter.add(row)

            driver = Driver(
                lambda _, process, node: self.system.client(
                    node, process, self.trial.client_timeout_ms / 1000
                ),
                threads=self.trial.threads,
                nodes=self.trial.nodes,
                record=record,
                clock_ns=self.clock_ns,
                stop=self.stop,
                grace_s=self.trial.client_timeout_ms / 1000 + GRACE_S,
            )
            self.started_ns = time.monotonic_ns()
            self.about["started_wall_ns"] = time.time_ns()
            self.directory.write_trial(self.about)
            if not self.apart(record):
                return driver.stats
            self.progress.say(f"first op; {len(self.plan)} faults planned")
            self.main(driver, record)
            self.say_watched()
            self.heal(record)
            if not self.interrupted:
                with self.progress.phase("final ops at every node"):
                    self.stop.clear()
                    final = self.workload.final(
                        Random(f"{self.trial.seed}/final"),
                        replace(
                            self.trial.load(),
                            touched=touched.keys,
                            members=self.trial.members(),
                        ),
                    )
                    driver.run(final)
                self.restore(record)  # what was under way at the heal may have come about since
            return driver.stats

    def apart(self, record: Record) -> bool:
        """Record that the nodes are as far apart as asked, if that was asked; whether they are."""
        proofs = self.deployed.distances
        if not proofs:
            return True
        value = {"phase": STANDING, "matrix": self.trial.wan, "proof": proofs}
        record(Row(self.clock_ns(), NEMESIS, INFO, "wan", None, value))
        for said in words(proofs):
            self.progress.say(said)
        return all(proof["bit"] is True for proof in proofs)

    def main(self, driver: Driver, record: Record) -> None:
        """Clients and nemesis together, until the time is up or somebody interrupts."""
        nemesis = NemesisThread(
            self.plan,
            self.trial.seed,
            self.trial.nodes,
            self.injector,
            self.system.leaders,
            record,
            self.clock_ns,
            threading.Event(),
            opened=self.meter.faults,
            say=self.progress.say,
            zones=self.trial.places(),
            standing=self.injector.standing,
        )
        thread = threading.Thread(target=self.guard, args=(nemesis, record), name="nemesis")
        generator = self.workload.main(Random(f"{self.trial.seed}/client"), self.trial.load())
        total_s = self.trial.time_ms / 1000
        with self.progress.watch(self.meter, lambda: self.clock_ns() / 1e9, total_s):
            try:
                thread.start()
                driver.run(generator)
            except KeyboardInterrupt:
                self.interrupted = True
                self.progress.say("interrupted: healing, keeping the history")
            finally:
                nemesis.stop.set()
                if thread.ident is not None:
                    thread.join()
        self.directory.write_plan(nemesis.resolved)

    def say_watched(self) -> None:
        """What the online check has to say, for the console and for the store."""
        if self.online is not None:
            self.progress.say(self.online.cost())
            if self.online.stopped is not None:
                self.about["stopped"] = self.online.stopped
                self.directory.write_trial(self.about)

    def guard(self, nemesis: NemesisThread, record: Record) -> None:
        """Run the nemesis; if it cannot go on, say so in the history and end the main phase."""
        try:
            nemesis.run()
        except HarnessError as error:
            proof = [{"action": "any", "probe": "", "saw": str(error), "bit": False}]
            value = {"phase": "error", "proof": proof}
            record(Row(self.clock_ns(), NEMESIS, INFO, "nemesis", None, value, str(error)))
            self.progress.say(f"the nemesis gave up: {error}")
            self.stop.set()

    def heal(self, record: Record) -> None:
        """Undo every fault, prove it, and wait until all nodes serve (or say which do not)."""
        with self.progress.phase("healed"):
            value: dict[str, object] = {"phase": "heal", "proof": self.injector.heal()}
            record(Row(self.clock_ns(), NEMESIS, INFO, "heal", None, value))
            try:
                self.deployed.wait_ready()
            except NotReadyError as error:
                self.progress.say(str(error))
        self.restore(record)

    def restore(self, record: Record) -> None:
        """Where the members were to change, have the first be the members again, and prove it."""
        members = self.injector.members
        if members is None or not members.asked:
            return
        first = self.trial.members()
        with self.progress.phase("the first members are members again"):
            proof = members.restore(first, RESTORE_S)
        value = {"phase": "heal", "proof": proof, "members": list(first)}
        record(Row(self.clock_ns(), NEMESIS, INFO, "heal", None, value))

    # --- after ------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Stop the nodes in order, so that their notes are whole, and fetch their logs."""
        if not self.leave_running:
            self.each("could not be stopped", self.end)
        self.each("could not be fetched", self.fetch)

    def end(self, node: int) -> None:
        pid = self.system.pid(node, self.remotes[node])
        if pid is not None:
            self.remotes[node].run(["sh", "-c", _WAIT_FOR_END, "sh", str(pid)], check=False)

    def fetch(self, node: int) -> None:
        folder = self.directory.node(self.hosts[node].name)
        for name, path in self.system.logs(node).items():
            try:
                data = self.remotes[node].get(path)
            except FileNotFoundError:
                continue
            (folder / Path(name).name).write_bytes(data)

    def clean(self) -> None:
        """Remove what was installed, on every host that still answers."""
        if not self.leave_running:
            self.each("could not be cleaned", lambda n: self.system.remove(n, self.remotes[n]))

    def each(self, problem: str, action: Callable[[int], object]) -> None:
        """Do ``action(node)`` on all; say which could not, and go on."""
        for node, result in on_all(self.remotes, action).items():
            if isinstance(result, Exception):
                self.progress.say(f"{self.hosts[node].name} {problem}: {result}")

"""Benchmarks on hosts: an ordinary trial, with an eye on who uses the processor meanwhile."""

from __future__ import annotations

import os
from dataclasses import replace

from harness.bench.asked import command
from harness.bench.measure import measure, site_names
from harness.bench.result import BENCH, Benched, write
from harness.bench.simulated import benched
from harness.bench.usage import Sampler, node_seconds, node_times, used
from harness.driver import Driver
from harness.errors import NothingMeasured
from harness.on_hosts import Wanted, execute
from harness.real import RealTrial, Record
from harness.report.progress import Progress
from harness.trial import Trial
from workloads.bench import Load


class BenchTrial(RealTrial):
    """A trial that knows afterwards who used the processor during its main phase."""

    sampler: Sampler | None = None
    shares: tuple[float, ...] = ()
    op_us: float | None = None

    def main(self, driver: Driver, record: Record) -> None:
        """As ever, watched."""
        before, served = node_times(self.deployed), driver.stats.ok
        began_ns = self.clock_ns()
        self.sampler = Sampler(self.clock_ns)
        with self.sampler:
            super().main(driver, record)
        lasted_s = (self.clock_ns() - began_ns) / 1e9
        seconds, ok = node_seconds(before, node_times(self.deployed)), driver.stats.ok - served
        self.shares = tuple(cpu_s / lasted_s for cpu_s in seconds.values())
        if ok and len(seconds) == len(self.hosts):
            self.op_us = 1e6 * sum(seconds.values()) / ok


def bench_on_hosts(trial: Trial, wanted: Wanted, progress: Progress) -> tuple[Benched, bool]:
    """Run one benchmark on these hosts, keep it as a run, and say what it measured; and whether
    somebody interrupted it, which makes the measured time shorter.

    Raises HarnessError where it could not be run, NothingMeasured where nothing could be measured,
    KeyboardInterrupt where that is because it was interrupted.
    """
    again = command(trial, wanted.on)
    done = execute(trial, wanted, progress, reproduce=again, kind=BenchTrial)
    real = done.real
    assert isinstance(real, BenchTrial)
    sites = tuple(host.name for host in wanted.hosts)
    if zones := trial.places():
        sites = site_names(zones, trial.nodes)
    load = Load.of(trial.load())
    try:
        measured = measure(done.history, load, time_ms=trial.time_ms, sites=sites)
    except NothingMeasured:
        if real.interrupted:
            raise KeyboardInterrupt from None
        raise
    usage = None
    if real.sampler is not None:
        begin_s, end_s = measured.from_s, measured.from_s + measured.measured_s
        usage = used(
            real.sampler.samples,
            round(begin_s * 1e9),
            round(end_s * 1e9),
            nodes=real.shares,
            cores=len(os.sched_getaffinity(0)),
            op_us=real.op_us,
        )
    told = benched(trial, measured, done.results.outcome.value, on=wanted.on, usage=usage)
    told = replace(told, run=str(done.path))
    write(done.path / BENCH, [told], again)
    return told, real.interrupted

"""Multi-Paxos in the simulator: under every kind of fault, and under those aimed at its time-outs.

Seeds are few here, so that the suite stays quick; runs of thousands are the command line's work.
"""

from functools import partial
from pkgutil import resolve_name
from random import Random

import pytest

from checker import agreement, availability
from checker.history import History
from checker.verdict import Outcome
from harness.sim import Setup, simulate
from nemesis import FAULTS, OF_ZONES
from nemesis.actions import Window
from protocols.multipaxos import MultiPaxos
from tests.known import Known
from tests.mutants.multipaxos import MUTANTS
from tests.protocols.busy import replicas_after
from workloads.kernel import Options

SMALL = {"snapshot_every": 40, "keep": 20, "batch": 8, "pipeline": 2}
"""Options under which a trial of seconds crosses every boundary many times."""


def anything(random, time_ms):
    """Windows of any length of any fault, those of one lane one after the other."""
    lanes = [
        [name for name in FAULTS if name.startswith(kinds) and name not in OF_ZONES]
        for kinds in ("partition", ("kill", "pause"), "packet")
    ]
    windows = []
    for names in lanes:
        at_ms = random.randrange(500, 2500)
        while at_ms < time_ms - 2000:
            for_ms = random.randrange(100, 2000)
            windows.append(Window(at_ms, for_ms, random.choice(names)))
            at_ms += for_ms + random.randrange(50, 1500)
    return tuple(sorted(windows, key=lambda window: window.at_ms))


def about_a_time_out(random, time_ms):
    """Cut the leader off for about as long as others wait for it and it for them (16 to 30 round
    trips), and restart another node just before the cut is mended.

    So there may be two leaders, and a promise that was given during the cut is asked to matter
    after a restart: the shortest way to a promise that was not kept.
    """
    windows, at_ms = [], 1500
    while at_ms < time_ms - 1000:
        for_ms, before = random.randrange(350, 650), random.randrange(20, 120)
        windows.append(Window(at_ms, for_ms, "partition-leader"))
        down_ms = max(5, before - random.randrange(20))
        name = random.choice(["kill-one", "kill-minority"])
        windows.append(Window(at_ms + for_ms - before, down_ms, name))
        at_ms += for_ms + 900
    return tuple(sorted(windows, key=lambda window: window.at_ms))


def trial(protocol, seed, *, plan=anything, time_ms=10_000, options=SMALL):
    """Play one trial. The number of nodes and the workload go with the seed."""
    nodes = 3 + 2 * (seed % 2)
    workload = resolve_name(f"workloads.{('register', 'cas')[seed // 2 % 2]}:workload")()
    setup = Setup(
        protocol=protocol,
        workload=workload,
        options=Options(threads=2 * nodes, nodes=nodes, time_ms=time_ms, keys=3),
        plan=plan(Random(f"{seed}/plan"), time_ms),
        seed=seed,
        protocol_options=options,
    )
    return workload, simulate(setup)


def complaints(workload, run, *others):
    """What the workload's checks, agreement and ``others`` say against the run."""
    history = History.of(run.rows)
    verdicts = [check(history) for check in (*workload.checks.values(), agreement.check, *others)]
    return [verdict.summary for verdict in verdicts if verdict.outcome is not Outcome.VALID]


@pytest.mark.parametrize("plan", [anything, about_a_time_out])
@pytest.mark.parametrize("options", [SMALL, {}], ids=["small", "defaults"])
def test_it_is_linearizable_agrees_and_serves_again(plan, options):
    """Goal: no fault breaks it, and after each it serves. Method: 8 seeds, 3 and 5 nodes."""
    for seed in range(8):
        workload, run = trial(MultiPaxos, seed, plan=plan, options=options)
        assert complaints(workload, run, availability.check) == [], f"seed {seed}"
        assert run.finished, f"seed {seed}"


KNOWN = Known("multipaxos-simulated")
FOUND_BY = {
    "accepts-lower": partial(trial, plan=about_a_time_out),
    "forgets-promise": partial(trial, plan=about_a_time_out, time_ms=20_000),
}
RARE = {"adopts-lowest", "snapshot-drops-votes"}
"""Found after about a hundred trials of these plans: left to longer runs, and to chance."""
LEASES = {
    "holds-too-long", "restarts-at-once", "trusts-the-wall-clock", "needs-no-lease",
    "answers-too-soon", "no-margin", "exempts-the-first",
}  # fmt: skip
"""Found in trials of their own: test_multipaxos_leases, or the zoo's hunts, which read at the leader."""


OF_OPTIONS = {"leads-by-appointment"}
"""Wrong only with an option that is not given here."""


@pytest.mark.parametrize("mutant", [n for n in MUTANTS if n not in RARE | LEASES | OF_OPTIONS])
def test_a_mutant_is_found(mutant):
    """Goal: the trials above would show these mistakes. Method: seed by seed, at most 60."""
    play = FOUND_BY.get(mutant, trial)

    def finds(seed):
        try:
            return complaints(*play(MUTANTS[mutant], seed))
        except AssertionError as error:  # the mutant stumbled over its own state
            return repr(error)

    KNOWN.hunt(mutant, range(60), finds)


def test_its_disk_does_not_grow_with_the_number_of_ops():
    """Goal: compaction. Method: 8 s of 1000 op/s; the log is at most two snapshots' distance."""
    for replica in replicas_after(MultiPaxos, 8_000):
        log = replica.log
        assert log.chosen > 5000
        assert log.last - log.base <= replica.keep + replica.snapshot_every

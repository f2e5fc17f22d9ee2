"""ABD in the simulator: linearizable under faults; and the simulator finds what breaks it.

Swarms of short trials (PERFORMANCE.md 1.5): 1.5 s, one register, 3 nodes, windows as long as the
protocol's time-outs. Each mutant has a budget of seeds, on all of which the protocol itself passes.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.history import History
from checker.verdict import Outcome, Verdict
from harness.sim import Network, Setup, simulate
from nemesis.actions import Cut, Fault, Kill, Mend, Pause, Plan, Resume, Start, Window
from protocols.abd import ABD
from tests.mutants.abd import MUTANTS
from workloads.kernel import Options
from workloads.register import workload

TIME_MS = 1_500
CALM: tuple[str, ...] = ()
CRASHES = ("kill-one", "kill-minority", "kill-majority", "partition-one", "partition-one-way")
BUDGET = 12


def windows(seed: int, names: tuple[str, ...]) -> Plan:
    """Windows of 20 to 150 ms one after another, with as much between them."""
    random, plan, at_ms = Random(f"{seed}/plan"), [], 100
    while names and at_ms < TIME_MS:
        for_ms = random.randrange(20, 150)
        plan.append(Window(at_ms, for_ms, random.choice(names)))
        at_ms += for_ms + random.randrange(20, 150)
    return tuple(plan)


def trial(protocol: type[ABD], seed: int, plan: Plan, nodes: int = 3) -> Verdict:
    register = workload()
    setup = Setup(
        protocol=protocol,
        workload=register,
        options=Options(threads=2 * nodes, nodes=nodes, time_ms=TIME_MS, rate=300, keys=1),
        plan=plan,
        seed=seed,
        network=Network(loss_permille=20, duplicate_permille=10),
        client_timeout_ms=300,
        settle_ms=100,
    )
    run = simulate(setup)
    assert run.finished
    return register.checks["linearizable"](History.of(run.rows))


@pytest.mark.parametrize("names", [CALM, CRASHES], ids=["calm", "crashes"])
def test_it_is_linearizable_on_all_seeds_of_the_budget(names):
    for seed in range(BUDGET):
        assert trial(ABD, seed, windows(seed, names)).outcome is Outcome.VALID, seed


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("no-write-back", CALM),
        ("no-tie-break", CALM),
        ("shared-tag", CALM),
        ("tag-regress", CALM),
        ("read-one", CALM),
        ("own-counter", CALM),
        ("acks-before-persist", CRASHES),
    ],
)
def test_a_mutant_is_found_within_its_budget(name, names):
    trials = (trial(MUTANTS[name], seed, windows(seed, names)) for seed in range(BUDGET))

    assert any(verdict.outcome is Outcome.INVALID for verdict in trials)


def test_a_mutant_that_forgets_needs_a_crash_to_be_found():
    """The budget is no accident of the check: without faults there is nothing to find."""
    mutant = MUTANTS["acks-before-persist"]

    assert all(trial(mutant, seed, ()).outcome is Outcome.VALID for seed in range(4))


@st.composite
def faults(draw, nodes: int) -> Fault:
    node = draw(st.integers(0, nodes - 1))
    links = tuple((node, other) for other in range(nodes) if other != node)
    back = tuple((dst, src) for src, dst in links)
    return draw(
        st.sampled_from(
            [
                Fault("kill", (Kill(node),), (Start(node),)),
                Fault("pause", (Pause(node),), (Resume(node),)),
                Fault("cut", (Cut(links + back),), (Mend(links + back),)),
                Fault("cut-out", (Cut(links),), (Mend(links),)),
            ]
        )
    )


@settings(max_examples=15)
@given(st.data(), st.integers(0, 1 << 32), st.sampled_from([3, 5]))
def test_it_is_linearizable_under_any_plan(data, seed, nodes):
    """Windows overlap, so that a majority may be down, or all."""
    plan = data.draw(
        st.lists(
            st.builds(Window, st.integers(0, 1_400), st.integers(1, 300), faults(nodes)), max_size=8
        )
    )

    assert trial(ABD, seed, tuple(plan), nodes).outcome is Outcome.VALID

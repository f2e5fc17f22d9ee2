"""Being in the table is being tested: what every protocol owes, whoever wrote it.

A protocol whose module is not there yet is skipped, and says so.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from random import Random
from typing import Any

import pytest

from checker.history import OK, History
from checker.verdict import Outcome, Verdict
from harness.matrix.cells import KNOWN
from harness.sim import Network, Run, Setup, simulate
from nemesis.actions import Action, Cut, Fault, Kill, Mend, Plan, Start, Window
from protocols import PROTOCOLS
from protocols.kernel import Replica
from protocols.wire import Codec
from workloads import WORKLOADS
from workloads.kernel import Options, Workload

HOSTILE = Network(loss_permille=20, duplicate_permille=50, late_permille=50)


def workload_of(name: str) -> Workload:
    """Registers; of a protocol that by design does not keep them atomic, what it does claim."""
    broken = name in KNOWN and "register" in KNOWN[name].breaks
    made: Workload = resolve_name(WORKLOADS["eventual" if broken else "register"])()
    return made


def setup_of(name: str, plan: Plan = (), *, seed: int = 0, time_ms: int = 2_000) -> Setup:
    return Setup(
        protocol=resolve_name(PROTOCOLS[name]),
        workload=workload_of(name),
        options=Options(threads=6, nodes=3, time_ms=time_ms, rate=100, keys=2),
        plan=plan,
        seed=seed,
        network=HOSTILE,
        settle_ms=500,
    )


def check(name: str, run: Run) -> Verdict:
    """What the first of its workload's checks, the one that claims most, says."""
    return next(iter(workload_of(name).checks.values()))(History.of(run.rows))


@pytest.fixture(params=PROTOCOLS)
def name(request: pytest.FixtureRequest) -> str:
    module = PROTOCOLS[request.param].partition(":")[0]
    if find_spec(module) is None:
        pytest.skip(f"{module} is in the table, and not written yet")
    return request.param


@pytest.fixture
def protocol(name: str) -> type[Replica[Any]]:
    return resolve_name(PROTOCOLS[name])


class Recording:
    """What classes of messages were sent: by a codec that lets all through, and remembers."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self.codec, self.sent = Codec(classes), dict.fromkeys(classes, 0)

    def encode(self, msg: object) -> str:
        text = self.codec.encode(msg)
        self.sent[type(msg)] += 1
        assert self.codec.decode(text) == msg, "it does not survive the wire"
        return text

    def decode(self, text: str) -> object:
        return self.codec.decode(text)


def crashes(seed: int, time_ms: int) -> Plan:
    """One node after another is killed, at any time, and started again a little later."""
    random, plan = Random(f"{seed}/crashes"), []
    at_ms = random.randrange(300)
    while at_ms < time_ms:
        node, for_ms = random.randrange(3), random.randrange(1, 400)
        plan.append(Window(at_ms, for_ms, Fault("kill", (Kill(node),), (Start(node),))))
        at_ms += random.randrange(50, 500)
    return tuple(plan)


def test_its_docstring_cites_a_source_and_says_what_it_assumes(name, protocol):
    docstring = sys.modules[protocol.__module__].__doc__ or ""
    package = sys.modules[PROTOCOLS[name].partition(":")[0]].__doc__ or ""

    assert re.search(r"\b(19|20)\d\d\b", docstring + package), "no source with its year"
    for word in ("Departures", "Assumes"):
        assert word in docstring + package, f"does not say {word}"


def test_all_that_it_sends_is_listed_and_survives_the_wire(name, monkeypatch):
    codecs: list[Recording] = []

    def recording(classes: tuple[type, ...]) -> Recording:
        codecs.append(Recording(classes))
        return codecs[-1]

    monkeypatch.setattr("harness.sim.simulator.Codec", recording)
    simulate(setup_of(name, crashes(0, 2_000)), observer=[].append)

    assert any(codecs[0].sent.values())


PROGRAM = """
import sys
from tests.contract.test_protocols import crashes, setup_of
from harness.sim import simulate
for name in sys.argv[1:]:
    run = simulate(setup_of(name, crashes(1, 1_000), time_ms=1_000))
    print(name, run.digest, run.events, len(run.rows))
"""


def test_a_seed_has_one_digest_whatever_the_hash_seed():
    """Goal: no set order, no hash, no address decides anything. Two processes, two hash seeds."""
    there = [name for name in PROTOCOLS if find_spec(PROTOCOLS[name].partition(":")[0])]
    root = Path(__file__).parents[2]
    printed = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *there],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
            cwd=root, capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for hash_seed in ("1", "2")
    ]  # fmt: skip

    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) == len(there)


SERVED = {"hpaxos": 100}
"""Fewer ops than others: each waits for every node's vote, so for each message that is lost."""


def test_messages_may_be_lost_doubled_and_overtaken(name):
    for seed in range(3):
        run = simulate(setup_of(name, seed=seed))
        assert run.counters["duplicated"] > 0
        assert check(name, run).outcome is Outcome.VALID
        served = sum(row.type == OK for row in run.rows)
        assert served > SERVED.get(name, 150), "it is served all the while"


def test_kill_and_start_at_any_event_leave_the_checks_valid(name):
    for seed in range(4):
        run = simulate(setup_of(name, crashes(seed, 2_000), seed=seed))
        assert check(name, run).outcome is Outcome.VALID, f"seed {seed}"
        assert run.finished


def test_it_serves_again_after_a_cut_of_every_link(name):
    links = tuple((src, dst) for src in range(3) for dst in range(3) if src != dst)
    cut: tuple[Action, ...] = (Cut(links),)
    run = simulate(setup_of(name, (Window(500, 5_000, Fault("cut", cut, (Mend(links),))),)))

    assert run.finished
    assert check(name, run).outcome is Outcome.VALID
    healed = next(i for i, row in enumerate(run.rows) if row.f == "heal")
    finals = [row for row in run.rows[healed:] if row.process >= 0 and row.type == OK]
    assert {row.node for row in finals} == {0, 1, 2}, "every node answers after the heal"


def test_each_check_can_be_red(monkeypatch):
    """A replica that answers from its own memory is no register, and a list that lacks is found."""
    import tests.mutants.abd as mutants

    monkeypatch.setitem(PROTOCOLS, "abd", "tests.mutants.abd:ReadOne")
    verdicts = [check("abd", simulate(setup_of("abd", seed=seed))).outcome for seed in range(3)]
    assert Outcome.INVALID in verdicts

    monkeypatch.setattr(mutants.ReadOne, "messages", mutants.ReadOne.messages[:2])
    with pytest.raises(KeyError):
        simulate(setup_of("abd"))

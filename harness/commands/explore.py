"""``harness explore``: every order of events that a small scope allows, each world once."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import click

from checker.history import History
from checker.phrases import of_node
from checker.verdict import Outcome
from harness.commands import shared
from harness.commands.options import Duration, pair
from harness.commit import commit
from harness.errors import UsageError
from harness.judge import judge
from harness.report.progress import Progress, to_stdout
from harness.report.summary import report
from harness.sim.explore import Counterexample, Explored, explore
from harness.sim.explore import Progress as HowFar
from harness.sim.explore_path import conversation, rows
from harness.sim.explore_scope import ANY, Scope, ops_from
from harness.store.record import RunDirectory
from harness.trial import Trial, run_name

SPEAK_EVERY_S = 5.0


class Copies(click.ParamType):  # type: ignore[type-arg]  # generic in new releases only
    """``any``, or how many."""

    name = "count"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Fails for anything but ``any`` and a whole number."""
        if isinstance(value, int):
            return value
        if str(value) == "any":
            return ANY
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number nor any", param, ctx)
        return int(str(value))


@click.command("explore")
@click.option("--protocol", "-p", required=True, help="What to explore: see `harness list`.")
@click.option("--nodes", "-n", type=click.IntRange(1, 9), default=3, show_default=True)
@click.option(
    "--ops", default="2", show_default=True,
    help="How many (write, read, write, ...), or each: write,read@1,read@* (at node 1; at any).",
)  # fmt: skip
@click.option("--crashes", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--timers", type=click.IntRange(0), default=0, show_default=True,
    help="How often, in all, a timer that is set may fire. Elections need some.",
)  # fmt: skip
@click.option(
    "--duplicates", type=Copies(), default="any", show_default=True,
    help="How many messages arrive twice; any: each as often as can be, which is explored sooner.",
)  # fmt: skip
@click.option("--states", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--time", "time_ms", type=Duration(), default="300", show_default=True)
@click.option(
    "--plain", is_flag=True,
    help="Without thrift and symmetry: many times the states; the first counterexample is a shortest one.",
)  # fmt: skip
@shared.protocol_option
@shared.store
def command(**given: Any) -> int:
    """Explore every order of events of a small scope; find a short counterexample, or that there
    is none.

    Any message may be late for ever, which is how messages are lost; every order of arrival is
    tried. Nodes that no op is asked of are taken for one another where they prove to be equal, so ops
    at few nodes are explored sooner. Exit code 0: all was explored, and all is right; 1: a counterexample; 2: not all was.

    \b
    Examples:
      harness explore --protocol abd --nodes 3 --ops 2 --crashes 1
      harness explore --protocol abd --nodes 5 --ops write,read
      harness explore --protocol abd --ops write@*,read@* --states 500000
      harness explore --protocol tests.mutants.abd:NoWriteBack --ops write,read,read
      harness explore --protocol multipaxos --ops write --timers 2 --time 60
    """
    scope, trial = scope_from(given)
    progress, began, spoken = Progress(), time.monotonic(), time.monotonic()
    cpu = time.process_time()

    def tell(far: HowFar) -> bool:
        nonlocal spoken
        now = time.monotonic()
        if now - spoken > SPEAK_EVERY_S:
            spoken = now
            progress.say(
                f"{far.states} states, {far.frontier} on the frontier at depth {far.depth}, "
                f"{far.states / (now - began):.0f} states/s"
            )
        return bool((now - began) * 1000 > given["time_ms"])

    explored = explore(scope, most_states=given["states"], tell=tell)
    to_stdout(summary(explored, max(time.process_time() - cpu, 1e-9)))
    if explored.counterexample is not None:
        return show(explored, explored.counterexample, trial, given["store"])
    if not explored.answered:
        to_stdout("no op was ever answered: this scope shows nothing (does it take --timers?)")
        to_stdout("verdict: vacuous" if explored.exhausted else "verdict: unknown")
        return Outcome.VACUOUS.exit_code
    if explored.exhausted and not explored.undecided:
        to_stdout("verdict: valid")
        return Outcome.VALID.exit_code
    to_stdout("verdict: unknown")
    return Outcome.UNKNOWN.exit_code


def scope_from(given: dict[str, Any]) -> tuple[Scope, Trial]:
    """Raises UsageError naming what cannot be meant."""
    trial = Trial(
        protocol=given["protocol"],
        nodes=given["nodes"],
        options=dict(pair(text) for text in given["options"]),
    )
    try:
        ops = ops_from(given["ops"], given["nodes"])
    except ValueError as error:
        raise UsageError(f"--ops: {error}") from error
    scope = Scope(
        protocol=trial.replica(),
        ops=ops,
        nodes=trial.nodes,
        crashes=given["crashes"],
        timers=given["timers"],
        duplicates=given["duplicates"],
        thrifty=not given["plain"],
        symmetric=not given["plain"],
        protocol_options=dict(trial.options),
        checks=trial.made_workload().checks,
    )
    return scope, trial


def summary(explored: Explored, cpu_s: float) -> str:
    """What was explored, and how fast; and if not all of it, what is left."""
    far = explored.progress
    passes = f"{explored.passes} pass{'es' * (explored.passes > 1)}"
    met = f"{far.states} states, {far.moves} moves, depth {far.depth}"
    speed = f"{far.states * explored.passes / cpu_s:.0f} states/s"
    lines = [
        f"{met}, {explored.histories} histories, {far.node_states} states of single nodes",
        f"{cpu_s:.1f} CPU s, {speed}, in {passes}; replicas made {far.steps} steps",
    ]
    if explored.equal and explored.exhausted:
        names = ", ".join(of_node(node) for node in explored.equal)
        lines.append(f"{names} proved to be equal: of their orders, one was explored")
    if explored.exhausted:
        lines.append("exhausted: nothing else can happen in this scope")
    elif explored.counterexample is None:
        lines.append(f"not exhausted: {far.states} states, frontier {far.frontier}")
    if explored.undecided:
        lines.append(f"{explored.undecided} histories could not be decided")
    return "\n".join(lines)


def show(explored: Explored, example: Counterexample, trial: Trial, store: Path) -> int:
    """Tell a counterexample, and store it as a run."""
    lines = conversation(explored.worlds, example.moves)
    history = rows(explored.worlds, example.moves)
    results = judge(History.of(history), trial.made_workload().checks, faults=False)
    directory = RunDirectory.create(store, run_name(trial))
    reproduce = shlex.join(["harness", *sys.argv[1:]])
    directory.write_trial({**trial.to_json(), "on": "explore", "commit": commit()})
    directory.write_history(history)
    directory.write_bytes("conversation.txt", ("\n".join(lines) + "\n").encode())
    directory.write_results({**results.to_json(), "reproduce": reproduce})
    directory.finish()
    to_stdout("\n".join(lines))
    if example.verdict is None:
        to_stdout(f"counterexample of {len(lines)} events: a replica raised {example.broken}")
    title = f"{trial.protocol}: a counterexample of {len(lines)} events"
    report(title, results, where=str(directory.path), reproduce=reproduce)
    return Outcome.INVALID.exit_code

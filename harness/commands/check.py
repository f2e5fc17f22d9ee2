"""``harness check``: judge stored histories again, and histories from elsewhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from checker.history import INVOKE, History
from checker.liveness import RTT_MS
from checker.phrases import plural
from checker.verdict import Outcome, Verdict, combine
from harness.claims import Checks, at_isolation, claims, guess, observing_failed_cas
from harness.commands import shared
from harness.errors import HarnessError, StoreError, UsageError
from harness.formats import FORMATS
from harness.formats.keys import only_keys
from harness.formats.load import AUTO, OURS, Loaded, load
from harness.judge import Results, judge
from harness.patience import Patience
from harness.report.anomaly import anomalies, measured
from harness.report.picture import draw
from harness.report.progress import to_stdout
from harness.report.summary import report
from harness.report.working import Working
from harness.store.find import read_object
from harness.store.record import HISTORY, TRIAL
from harness.trial import NO_FAULTS, Trial
from workloads.kernel import Check

BROKEN = UsageError.exit_code


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked of each history. ``shown`` are the options again, for reproducing it."""

    model: str | None
    workload: str | None
    isolation: str | None
    failed_cas: bool
    format: str
    tuples: bool | None
    keys: tuple[str, ...]
    patience: Patience
    store: Path
    shown: Sequence[str]
    svg: Path | None
    working: Working


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A history with what it was held to (``claim``, for people) and what came of it."""

    loaded: Loaded
    claim: str
    results: Results


@click.command("check")
@click.argument("histories", nargs=-1, required=True, metavar="HISTORY...")
@click.option("--model", "-m", help="What the object is; default: what the ops look like.")
@click.option("--workload", "-w", help="Whose checks to apply; default: those of the run itself.")
@click.option("--isolation", help="The level that transactions are to keep to.")
@click.option(
    "--observe-failed-cas",
    "failed_cas",
    is_flag=True,
    help="A failed cas says that the old value was not there, as Porcupine reads it.",
)
@click.option(
    "--format", "-f", type=click.Choice([AUTO, *FORMATS]), default=AUTO, show_default=True
)
@click.option(
    "--independent/--not-independent",
    "tuples",
    default=None,
    help="Jepsen's values are [key value], or are not; default: if they look like it.",
)
@click.option("--key", "-k", "keys", multiple=True, help="Only this key; may be given again.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For each check; what is not decided by then is unknown.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="For each check, beside the history; what would need more is unknown.",
)
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False),
    help="Draw what is wrong: the few ops that contradict, and why.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The results as JSON.")
@shared.store
def command(  # noqa: PLR0917  click passes them by name
    histories: tuple[str, ...],
    model: str | None,
    workload: str | None,
    isolation: str | None,
    failed_cas: bool,
    format: str,
    tuples: bool | None,
    keys: tuple[str, ...],
    timeout: float | None,
    memory: int | None,
    svg: Path | None,
    as_json: bool,
    store: Path,
) -> int:
    """Judge histories: runs in the store, and files from Jepsen, Knossos, elle-cli or Porcupine.

    A HISTORY is a run's name, a run directory, a file, or - for standard input. The format is found
    by content: history.jsonl; Jepsen's history.edn, history.txt or log; JSON. A model is register,
    cas-register, kv, queue, stack, priority-queue, set, mutex, counter, list-append, rw-register,
    bank, unique-ids, set-full, total-queue, log, sequential ..., or package.module:attribute of your
    own. A history that ends half-way is judged as it stands, with a warning. A long check says how
    far it is; Ctrl-C ends it with what was decided by then.

    Exit codes: 0 valid, 1 invalid, 2 unknown, 254 a history that cannot be read.

    \b
    Examples:
      harness check latest
      harness check store/epaxos-register/20261121T101500Z
      harness check jepsen/store/etcd/latest/history.edn --model cas-register
      harness check latest --svg anomaly.svg
      harness check test_data/jepsen/*.log --model cas-register --observe-failed-cas
      harness check elle.json --timeout 10 --isolation serializable
      harness check history.jsonl --model mymodels:LIGHT --key 3 --json
      zcat history.edn.gz | harness check - --model queue
    """
    if model is not None and workload is not None:
        raise UsageError("--model and --workload both say what to check: give one")
    if svg is not None and len(histories) > 1:
        raise UsageError("--svg draws what is wrong with one history: give one")
    request = Request(
        model=model,
        workload=workload,
        isolation=isolation,
        failed_cas=failed_cas,
        format=format,
        tuples=tuples,
        keys=keys,
        patience=Patience(seconds=timeout, memory_mib=memory, tell=warn),
        store=store,
        shown=shown_options(click.get_current_context()),
        svg=svg,
        working=Working(),
    )
    try:
        if len(histories) > 1:
            return several(histories, request, as_json=as_json)
        judged = one(histories[0], request)
    except KeyboardInterrupt:  # while reading: a check answers it itself
        to_stdout(
            f"interrupted while reading; nothing was checked\nverdict: {Outcome.UNKNOWN.value}"
        )
        return Outcome.UNKNOWN.exit_code
    show(judged, request, as_json=as_json)
    return judged.results.outcome.exit_code


def several(histories: Sequence[str], request: Request, *, as_json: bool) -> int:
    """Judge all, whatever is wrong with some; a last line counts them. The exit code of all."""
    told: list[Judged] = []
    broken: list[str] = []
    for where in histories:
        try:
            judged = one(where, request)
        except HarnessError as error:
            click.echo(f"harness: {error}", err=True)
            broken.append(str(error))
            continue
        told.append(judged)
        if not as_json:
            show(judged, request, as_json=False)
            to_stdout("\n")
        if judged.results.interrupted:
            break
    outcomes = [judged.results.outcome for judged in told]
    if as_json:
        listed = [to_json(judged) for judged in told]
        to_stdout(json.dumps({"histories": listed, "errors": broken}, indent=2))
    else:
        to_stdout(count(outcomes, len(broken)))
    return combine_codes([*(o.exit_code for o in outcomes), *(BROKEN for _ in broken)])


def one(where: str, request: Request) -> Judged:
    """Read and judge one history. Raises HarnessError where it cannot be read."""
    with request.working.on(f"reading {where}"):
        loaded = load(where, root=request.store, format=request.format, tuples=request.tuples)
    for warning in loaded.warnings:
        warn(warning)
    if loaded.format == OURS and (open_ops := pending(loaded.history)):
        warn(f"{loaded.name}: {plural(open_ops, 'op')} under way at the end, of unknown fate")
    history = only_keys(loaded.history, request.keys) if request.keys else loaded.history
    saved = trial_of(loaded)
    claim, checks = claimed(request, saved, loaded)
    faults = saved is not None and (saved.nemesis != NO_FAULTS or saved.plan is not None)
    bounded = {
        name: followed(request.working, name, request.patience.bound(check))
        for name, check in checks.items()
    }
    rtt_ms = RTT_MS if saved is None else saved.rtt_ms
    results = judge(history, bounded, faults=faults, rtt_ms=rtt_ms)
    if loaded.format != OURS:
        results = only(results, bounded)
    if request.svg is not None:
        draw_to(request.svg, history, results)
    return Judged(loaded=loaded, claim=claim, results=results)


def pending(history: History) -> int:
    """How many ops have no completion."""
    return int(((history.type == INVOKE) & (history.process >= 0) & (history.partner < 0)).sum())


def followed(working: Working, name: str, check: Check) -> Check:
    """The same check, saying how far it is."""

    def run(history: History) -> Verdict:
        with working.on(f"{name}: {len(history):,} rows"):
            return check(history)

    return run


def draw_to(path: Path, history: History, results: Results) -> None:
    """Draw each anomaly, the second and further ones beside the first. Raises StoreError."""
    found = anomalies(history, results.checks) or measured(history, results.checks)
    if not found:
        warn("nothing was drawn: no check shows ops that contradict")
    for number, anomaly in enumerate(found, 1):
        file = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            file.write_text(draw(anomaly), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {file}: {error.strerror}") from error
        click.echo(f"drawn: {file}: {anomaly.title}", err=True)


def only(results: Results, checks: Checks) -> Results:
    """What these checks say: a history from elsewhere is not held to what our own trials are."""
    verdicts = {name: results.checks[name] for name in checks}
    return Results(
        outcome=combine(v.outcome for v in verdicts.values()),
        checks=verdicts,
        seconds={name: results.seconds[name] for name in checks},
    )


def claimed(request: Request, saved: Trial | None, loaded: Loaded) -> tuple[str, Checks]:
    """What a history is held to, in words and as checks: what was asked for, or what fits it."""
    if request.model is not None:
        claim, checks = f"model {request.model}", claims(request.model)
    elif request.workload is not None or saved is not None:
        workload = request.workload or (saved.workload if saved else "")
        checks = Trial(protocol="", workload=workload).made_workload().checks
        claim = f"workload {workload}"
    else:
        looks = guess(loaded.history)
        if looks is None:
            some = ", ".join(sorted({op.f for op in loaded.history.ops()})[:6])
            raise UsageError(
                f"{loaded.name}: what are {some} ops of? Say it by --model or --workload"
            )
        claim, checks = f"model {looks}, by its ops", claims(looks)
    if request.isolation is not None:
        checks = at_isolation(checks, request.isolation)
        claim += f", {request.isolation}"
    if request.failed_cas:
        checks = observing_failed_cas(checks)
    return claim, checks


def show(judged: Judged, request: Request, *, as_json: bool) -> None:
    """Print what came of one history."""
    if as_json:
        to_stdout(json.dumps(to_json(judged), indent=2))
        return
    loaded = judged.loaded
    of = f", key {', '.join(request.keys)}" if request.keys else ""
    title = f"{loaded.name}: {len(loaded.history):,} rows of {loaded.format}{of}, {judged.claim}"
    where = "-" if loaded.path is None else str(loaded.path)
    again = shlex.join(["harness", "check", where, *request.shown])
    report(title, judged.results, where=None, reproduce=again)


def to_json(judged: Judged) -> dict[str, object]:
    """The results with the name of the history, what it was held to, and the warnings."""
    loaded = judged.loaded
    return {
        "history": loaded.name,
        "format": loaded.format,
        "claim": judged.claim,
        "warnings": list(loaded.warnings),
        **judged.results.to_json(),
    }


def trial_of(loaded: Loaded) -> Trial | None:
    """The trial that made this history, where it is a run's and says so."""
    if loaded.path is None or loaded.path.name != HISTORY:
        return None
    saved = read_object(loaded.path.parent / TRIAL)
    return None if saved is None or "protocol" not in saved else Trial.from_json(saved)


def shown_options(context: click.Context) -> list[str]:
    """The options that were typed and that the verdict depends on, to be typed again."""
    words: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not typed or not isinstance(option, click.Option) or name in ("as_json", "store", "svg"):
            continue
        value = context.params[name]
        if isinstance(value, bool):
            words += option.opts[:1] if value else option.secondary_opts[:1]
        else:
            several = value if isinstance(value, tuple) else (value,)
            words += [word for item in several for word in (option.opts[0], str(item))]
    return words


def warn(text: str) -> None:
    click.echo(f"harness: warning: {text}", err=True)


def count(outcomes: Sequence[Outcome], broken: int) -> str:
    """The last line of several.

    >>> count([Outcome.VALID, Outcome.INVALID, Outcome.VALID], 1)
    '4 histories: 2 valid, 1 invalid, 1 not readable'
    """
    counts = [(outcomes.count(outcome), outcome.value) for outcome in Outcome]
    said = [f"{number} {word}" for number, word in [*counts, (broken, "not readable")] if number]
    return f"{len(outcomes) + broken} histories: {', '.join(said)}"


def combine_codes(codes: list[int]) -> int:
    """One exit code for several histories: an invalid one counts most, then one not readable.

    >>> combine_codes([0, 2, 1, 254]), combine_codes([0, 2]), combine_codes([2, 254])
    (1, 2, 254)
    """
    return next((code for code in (1, BROKEN, 2) if code in codes), 0)

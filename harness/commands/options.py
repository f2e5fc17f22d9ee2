"""The options that ``test`` and ``sim`` share, and how they become a Trial."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import randbelow
from typing import Any, TypeVar

import click

from harness.commands import shared
from harness.errors import UsageError
from harness.online import refuse_unwatchable
from harness.sim import NETWORKS
from harness.systems.product import Product
from harness.trial import Trial
from harness.wan import hosts_in, longest_ms, zones_of
from protocols.leasing import LEASES

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_NODES = 5
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "": 1000}


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in new releases only
    """``300``, ``300s``, ``5m``, ``500ms``: a time, as ms; positive, unless ``zero`` is one, too."""

    name = "seconds"

    def __init__(self, *, zero: bool = False) -> None:
        self.zero = zero

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Fails with what was wrong: not a time, or not more than nothing."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a time: write 300, 300s, 5m or 500ms", param, ctx)
        ms = round(float(match[1]) * _UNITS[match[2]])
        if ms <= 0 and not self.zero:
            self.fail(f"{value!r} is no time at all: it must be more than 0", param, ctx)
        return ms


class Concurrency(click.ParamType):  # type: ignore[type-arg]  # generic in new releases only
    """``10`` clients, or ``2n``: two for each node. Kept as text until the nodes are known."""

    name = "clients"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Fails for anything but a positive whole number with an optional n."""
        if not re.fullmatch(r"[1-9]\d*n?", str(value)):
            self.fail(
                f"{value!r} is neither a number of clients nor a multiple like 2n", param, ctx
            )
        return str(value)


def clients(concurrency: str, nodes: int) -> int:
    """How many client threads ``concurrency`` means for so many nodes.

    >>> clients("2n", 5), clients("7", 5)
    (10, 7)
    """
    return int(concurrency[:-1]) * nodes if concurrency.endswith("n") else int(concurrency)


_PROTOCOL = click.option(
    "--protocol", "-p", required=True, help="What to test: see `harness list`."
)
_OPTIONS = [
    click.option("--workload", "-w", default="register", show_default=True, help="What clients do."),
    click.option(
        "--nemesis", default="none", show_default=True,
        help="Faults and scenarios, by comma: partition,kill,disk-full,relay-kill,... (see `harness list`)",
    ),
    click.option(
        "--time", "--time-limit", "time_ms", type=Duration(), default="60", show_default=True,
        help="How long clients run: 300, 5m, 500ms.",
    ),
    click.option(
        "--concurrency", "-c", type=Concurrency(), default="2n", show_default=True,
        help="Client threads: a number, or 2n for two a node.",
    ),
    click.option(
        "--rate", "-r", type=click.IntRange(0, 1_000_000), default=100, show_default=True,
        help="Ops a second of all clients together, at intended times; 0: as fast as answers come.",
    ),
    click.option(
        "--keys", type=click.IntRange(1, 100_000), default=5, show_default=True,
        help="How many keys; the first gets about half of the ops.",
    ),
    click.option("--seed", help="A number or any text, such as a commit; default: drawn, printed."),
    click.option(
        "--interval", "interval_ms", type=Duration(),
        help="About how long from one fault of a kind to the next.",
    ),
    click.option(
        "--calm", "calm_ms", type=Duration(), default=0,
        help="How long clients go on after the last fault; default: a third of the interval.",
    ),
    click.option("--plan", help="The fault plan itself: JSON, or @FILE (a run's plan.json)."),
    shared.rtt,
    click.option(
        "--wan", metavar="INVENTORY",
        help="Zones and round trips between nodes, as in an inventory (wan5, wan9, or a TOML file).",
    ),
    click.option(
        "--timeout", "client_timeout_ms", type=click.IntRange(1, 600_000), default=1000,
        show_default=True, help="Client time-out in ms; then the op's fate is unknown.",
    ),
    shared.protocol_option,
    click.option(
        "--workload-option", "workload_options", multiple=True, metavar="NAME=VALUE",
        help="Of the workload; a wrong NAME lists them.",
    ),
    click.option(
        "--ops", help="The clients' very ops: JSON [[at_ms, client, f, key, value], ...], or @FILE."
    ),
    click.option(
        "--stop-on-anomaly", is_flag=True,
        help="Watch the clients: once a register is not linearizable, end the trial and judge it.",
    ),
    click.option(
        "--final/--no-final", default=True, help="Whether the workload reads at the end, all healed."
    ),
]  # fmt: skip


_SIMULATED = [
    click.option(
        "--nodes", "-n", type=click.IntRange(1, 60), show_default="5, or as many as --wan has"
    ),
    click.option(
        "--network", type=click.Choice(list(NETWORKS)), default=Trial.network, show_default=True,
        help="How the links behave while no fault is on: hostile loses and delays a little.",
    ),
    click.option(
        "--zones", metavar="A,B,...",
        help="The nodes' zones, given out in turn, if not as --wan has them; for partition-zone,"
        " kill-zone and the protocol.",
    ),
    click.option(
        "--heal", type=click.Choice(["all", "core"]), default=Trial.heal, show_default=True,
        help="Which nodes come back after the faults: core leaves a minority dead.",
    ),
]  # fmt: skip


def trial_options(function: F) -> F:
    """Give a command the options of a trial."""
    return _PROTOCOL(load_options(function))


def load_options(function: F) -> F:
    """The options of a trial but for its protocol."""
    return _with(_OPTIONS, function)


def simulated_options(function: F) -> F:
    """Those of a simulated trial beside them."""
    return _with(_SIMULATED, function)


def _with(options: Sequence[Callable[[F], F]], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def simulated_trial(given: dict[str, Any]) -> Trial:
    """The simulated trial that the options ask for. Raises UsageError."""
    size = hosts_in(given["wan"]) if given["wan"] else DEFAULT_NODES
    trial = trial_from(given, given["nodes"] or size)
    trial.replica()
    return trial


def trial_from(given: dict[str, Any], nodes: int) -> Trial:
    """The trial that the options ask for, everything checked that can be before a host is touched.

    Raises UsageError naming what cannot be meant.
    """
    wan, zones = given.get("wan"), given.get("zones") or ""
    if wan and not zones:
        zones = ",".join(zones_of(wan, nodes))
    trial = Trial(
        protocol=given["protocol"],
        workload=given["workload"],
        nemesis=given["nemesis"],
        nodes=nodes,
        threads=clients(given["concurrency"], nodes),
        time_ms=given["time_ms"],
        rate=given["rate"],
        keys=given["keys"],
        seed=given["seed"] or str(randbelow(1_000_000)),
        interval_ms=given["interval_ms"],
        calm_ms=given.get("calm_ms", 0),
        rtt_ms=given["rtt_ms"] or (longest_ms(wan, zones.split(",")) if wan else Trial.rtt_ms),
        client_timeout_ms=given["client_timeout_ms"],
        options=dict(pair(text) for text in given["options"]),
        workload_options=dict(
            pair(text, "--workload-option") for text in given.get("workload_options", ())
        ),
        plan=text_of("--plan", given["plan"]),
        ops=text_of("--ops", given["ops"]),
        final=given["final"],
        stop_on_anomaly=given.get("stop_on_anomaly", False),
        network=given.get("network", Trial.network),
        heal=given.get("heal", Trial.heal),
        transport=given.get("transport", Trial.transport),
        zones=zones,
        wan=wan,
    )
    check_trial(trial)
    return trial


def check_trial(trial: Trial) -> None:
    """Raises UsageError for all that can be known to be wrong before a host is touched."""
    workload, tested = trial.made_workload(), trial.tested()
    if issubclass(tested, Product):
        tested.check(trial.options)
    else:
        trial.replica()
    trial.check_load()
    if unserved := refused(workload.commands, tested.commands):
        offers = ", ".join(tested.commands or ("no leases: it keeps no time in its log",))
        raise UsageError(
            f"protocol {trial.protocol} does not offer {', '.join(unserved)}, which workload"
            f" {trial.workload} asks for (it offers {offers})"
        )
    if workload.multi_key and not tested.multi_key:
        raise UsageError(
            f"protocol {trial.protocol} runs commands of one key each, and workload"
            f" {trial.workload} asks for commands of several"
        )
    if trial.stop_on_anomaly:
        refuse_unwatchable(workload)
    trial.faults  # noqa: B018  raises for an unknown name
    trial.windows()


def refused(asked: Sequence[str], offered: Sequence[str] | None) -> list[str]:
    """The commands that would be asked for in vain. Offered None: all are served but leases, which
    take a protocol that stamps them.

    >>> refused(["read", "cas"], ["read", "write"]), refused(["cas"], None)
    (['cas'], [])
    """
    if offered is None:
        return [name for name in asked if name in LEASES]
    return [name for name in asked if name not in offered]


def pair(text: str, option: str = "--option") -> tuple[str, str]:
    """``name=value`` in two. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {text!r}: write NAME=VALUE")
    return name, value


def text_of(option: str, given: str | None) -> str | None:
    """JSON text: given as it is, or ``@FILE``. Raises UsageError for an unreadable file."""
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{option} {given}: {error.strerror}") from error

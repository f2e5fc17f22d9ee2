"""A trial: one protocol, one workload, one fault plan, one seed. The same for simulated and real."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pkgutil import resolve_name
from random import Random

from harness.errors import HarnessError, UsageError
from harness.inventory import load
from harness.node.config import TCP
from harness.options_asked import unknown_options
from harness.systems import PRODUCTS
from harness.systems.product import Product
from harness.tables import find, nearest
from nemesis import FAULTS, OF_ZONES, SCENARIOS
from nemesis.actions import Corrupt, Fault, Plan, Restore, Window, Wipe
from nemesis.membership import LEAST
from nemesis.plan import lanes, make_plan, plan_from_json, plan_to_json, validate
from nemesis.resolution import played_out, resolve
from protocols import PROTOCOLS
from protocols.kernel import Cluster, Replica
from protocols.membership import first_members
from workloads import WORKLOADS
from workloads.generators import Phases
from workloads.kernel import Generator, Options, Workload
from workloads.script import Script, ScriptedOp, ops_from_json, ops_to_json

NO_FAULTS = "none"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was asked for. Everything that a trial does follows from these fields and the code.

    ``plan`` is the text of a plan (JSON); None: one is made from ``nemesis`` and ``seed``.
    Times are ms. The faults that a seed makes end ``calm_ms`` before the clients do, or a third of an
    interval. ``rate`` is ops/s of all clients together, 0 for a closed loop. ``ops`` is the
    text of the clients' very ops (JSON); None: the workload makes them. ``final`` False leaves out
    what the workload asks for after all is healed. ``network`` is the simulator's weather. ``zones``
    are those of the nodes, by comma, or empty; ``wan`` is the inventory whose round trips lie between
    them, and which has the zones unless ``zones`` says others. ``heal`` says whether all nodes come back after the faults, or only a
    majority, the *core*. ``stop_on_anomaly`` ends it where the online check sees one.
    ``transport`` is how real nodes speak to each other.
    ``workload_options`` are for the workload what ``options`` are for the protocol.
    """

    protocol: str
    workload: str = "register"
    nemesis: str = NO_FAULTS
    nodes: int = 5
    threads: int = 10
    time_ms: int = 60_000
    rate: int = 100
    keys: int = 5
    seed: str = "0"
    interval_ms: int | None = None
    calm_ms: int = 0
    rtt_ms: int = 20
    client_timeout_ms: int = 1000
    options: Mapping[str, str] = field(default_factory=dict)
    plan: str | None = None
    ops: str | None = None
    final: bool = True
    network: str = "hostile"
    stop_on_anomaly: bool = False
    zones: str = ""
    wan: str | None = None
    heal: str = "all"
    transport: str = TCP
    workload_options: Mapping[str, str] = field(default_factory=dict)

    def replica(self) -> type[Replica[object]]:
        """Raises UsageError, with the near match, for a protocol that there is not, and for nodes,
        zones or options that it refuses.
        """
        found = self.tested()
        if not issubclass(found, Replica):
            raise UsageError(
                f"{self.protocol} is no protocol of ours that could be simulated: it runs on hosts,"
                " by `harness test`"
            )
        try:
            unknown, known = unknown_options(found, self.cluster())
        except ValueError as error:
            raise UsageError(f"protocol {self.protocol}: {error}") from error
        if unknown:
            raise UsageError(
                f"protocol {self.protocol} has no option {unknown[0]!r}{nearest(unknown[0], known)}"
            )
        if self.options.get("rejoin", "no") != "no" and not found.rejoins(self.cluster()):
            raise UsageError(
                f"protocol {self.protocol} has no way back without its disk: --option rejoin=no"
            )
        return found

    def tested(self) -> type[Replica[object] | Product]:
        """What is tested: a protocol of ours, or a system of somebody else's that runs on hosts only.

        Raises UsageError, with the near match, if there is neither of that name.
        """
        found = find("protocol", {**PROTOCOLS, **PRODUCTS}, self.protocol)
        if not (isinstance(found, type) and issubclass(found, (Replica, Product))):
            raise UsageError(
                f"protocol {self.protocol!r} is neither a Replica nor a Product: {found!r}"
            )
        return found

    def workload_factory(self) -> Callable[[], object]:
        """What makes the workload. Raises UsageError, with the near match, if there is none."""
        factory = find("workload", WORKLOADS, self.workload)
        if not callable(factory):
            raise UsageError(f"workload {self.workload!r} is not a function: {factory!r}")
        return factory

    def made_workload(self) -> Workload:
        """Raises UsageError if the name's function does not give a Workload, for an option that it
        does not have, and for wrong ops.
        """
        made = self.workload_factory()()
        if not isinstance(made, Workload):
            raise UsageError(f"workload {self.workload!r} does not give a Workload: {made!r}")
        for name in self.workload_options:
            if name not in made.options:
                known = nearest(name, list(made.options)) if made.options else " (it has none)"
                raise UsageError(f"workload {self.workload} has no option {name!r}{known}")
        ops = self.script()
        if ops is not None:
            end_ns = self.time_ms * 1_000_000

            def main(_random: Random, _options: Options) -> Generator:
                return Script(ops, end_ns)

            made = replace(made, main=main)
        return made if self.final else replace(made, final=nothing)

    def check_load(self) -> None:
        """Raises UsageError for options of the workload that do not go with each other, or with the sizes."""
        if self.workload_options:
            try:
                self.made_workload().main(Random(0), self.load())
            except ValueError as error:
                raise UsageError(f"workload {self.workload}: {error}") from error

    def script(self) -> tuple[ScriptedOp, ...] | None:
        """The clients' very ops, where they are given. Raises UsageError for malformed ones."""
        if self.ops is None:
            return None
        try:
            return ops_from_json(json.loads(self.ops), threads=self.threads, nodes=self.nodes)
        except ValueError as error:
            raise UsageError(f"--ops: {error}") from error

    def load(self) -> Options:
        """What the workload's generators are told."""
        return Options(
            threads=self.threads,
            nodes=self.nodes,
            time_ms=self.time_ms,
            rate=self.rate,
            keys=self.keys,
            extra=dict(self.workload_options),
            zones=self.places(),
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """The names given to ``--nemesis``, checked. Raises UsageError for an unknown one."""
        names = tuple(n for n in self.nemesis.split(",") if n and n != NO_FAULTS)
        for name in names:
            if name not in FAULTS and name not in SCENARIOS and ":" not in name:
                known = [*FAULTS, *SCENARIOS]
                raise UsageError(f"no fault is called {name!r}{nearest(name, known)}")
        return names

    def windows(self) -> Plan:
        """The fault plan: the one given, or the one that the seed makes.

        Raises UsageError for a plan that is malformed or cannot be played on these nodes.
        """
        if self.plan is not None:
            try:
                plan = self._played_out(plan_from_json(json.loads(self.plan)))
                validate(plan, range(self.nodes), self.places())
            except ValueError as error:
                raise UsageError(f"--plan: {error}") from error
            self.refuse_unservable(plan)
            return plan
        if not self.faults:
            return ()
        if self.calm_ms >= self.time_ms:
            raise UsageError(
                f"--calm {seconds(self.calm_ms)} leaves no time for faults: --time is {seconds(self.time_ms)}"
            )
        if (zonal := [n for n in self.faults if n in OF_ZONES]) and len(set(self.places())) < 2:
            raise UsageError(
                f"--nemesis {zonal[0]}: there are no two zones (see --zones and --wan)"
            )
        plan = make_plan(
            Random(f"{self.seed}/plan"),
            self.faults,
            self.time_ms - self.calm_ms,
            interval_ms=self.interval_ms,
        )
        try:
            plan = self._played_out(plan)
        except ValueError as error:
            raise UsageError(f"--nemesis: {error}") from error
        self.refuse_unservable(plan)
        return plan

    def _played_out(self, plan: Plan) -> Plan:
        return played_out(plan, self.seed, range(self.nodes), self.rtt_ms)

    def refuse_unservable(self, plan: Plan) -> None:
        """Raises UsageError for faults that cannot be done to a product, and for changes of members
        that the protocol, or so few nodes, do not allow.
        """
        tested = self.tested()
        if issubclass(tested, Product):
            asked = {lane for window in plan for lane in lanes(window.fault)}
            if beyond := sorted(asked - tested.withstands):
                raise UsageError(
                    f"--nemesis: {self.protocol} cannot be given faults of {', '.join(beyond)}"
                )
            if inside := [f for f in map(self._resolved, plan) if _knows_files(f)]:
                raise UsageError(
                    f"--nemesis: {inside[0].name} must know the files of {self.protocol}, and does not;"
                    " disk-slow, disk-power, disk-lose, disk-torn and disk-full need not"
                )
        if any("leadership" in lanes(window.fault) for window in plan):
            self.refuse_handover()
        if not any("membership" in lanes(window.fault) for window in plan):
            return
        if not self.tested().changes_members:
            able = [n for n, place in PROTOCOLS.items() if resolve_name(place).changes_members]
            raise UsageError(
                f"protocol {self.protocol} has the members that it began with:"
                f" --nemesis membership is for {', '.join(able)}"
            )
        self.replica()  # members that cannot be meant are a sentence
        if self.options.get("rejoin") == "passive" and "members" not in self.options:
            raise UsageError(
                "--nemesis membership: with --option rejoin=passive members change only where"
                " --option members=N is given"
            )
        if self.nodes <= LEAST or len(self.members()) < LEAST:
            raise UsageError(
                f"--nemesis membership needs {LEAST + 1} nodes, of which {LEAST} are members at first"
            )

    def refuse_handover(self) -> None:
        """Raises UsageError where nobody could be asked to hand its leadership over."""
        tested = self.tested()
        if not issubclass(tested, Replica) or tested.hands_over(self.cluster()):
            return
        usual = replace(self, options={})
        if tested.hands_over(usual.cluster()):
            some = ", ".join(f"{name}={value}" for name, value in self.options.items())
            raise UsageError(f"--nemesis handover: with {some} {self.protocol} hands nothing over")
        able = [n for n, p in PROTOCOLS.items() if resolve_name(p).hands_over(usual.cluster())]
        raise UsageError(
            f"protocol {self.protocol} has no leader that could be asked to hand over:"
            f" --nemesis handover is for {', '.join(able)}"
        )

    def _resolved(self, window: Window) -> Fault:
        """What a window's fault is like, on whatever nodes it will be."""
        if isinstance(window.fault, Fault):
            return window.fault
        return resolve(window.fault, Random(0), range(self.nodes), zones=self.places())

    def members(self) -> tuple[int, ...]:
        """The nodes that take part at first. ``replica`` refuses options that cannot be meant."""
        if not self.tested().changes_members:
            return tuple(range(self.nodes))
        return first_members(self.cluster())

    def cluster(self) -> Cluster:
        """What the replicas are told of it."""
        return Cluster(tuple(range(self.nodes)), self.places(), self.rtt_ms, dict(self.options))

    def places(self) -> tuple[str, ...]:
        """The zone of each node; none where none are given.

        >>> Trial(protocol="abd", zones="eu,us", nodes=3).places()
        ('eu', 'us', 'eu')
        """
        named = self.zones.split(",") if self.zones else []
        return tuple(named[i % len(named)] for i in range(self.nodes)) if named else ()

    def length(self) -> str:
        """How long clients run, in words; of a benchmark, what of that is measured.

        >>> Trial(protocol="abd", time_ms=30_000).length()
        '30 s'
        >>> Trial(protocol="abd", workload="bench", workload_options={"ops": "500"}).length()
        '500 ops measured'
        """
        load = self.workload_options if self.workload.startswith("bench") else {}
        if "ops" in load:
            return f"{load['ops']} ops measured"
        if "time" in load:
            return f"{seconds(int(load['time']))} s measured"
        return f"{seconds(self.time_ms)} s"

    def zones_of_wan(self) -> bool:
        """Whether the nodes are where the hosts of ``wan`` are."""
        try:
            hosts = load(self.wan).hosts if self.wan else ()
        except HarnessError:  # its file is gone since
            return False
        return bool(hosts) and self.places() == tuple(host.zone for host in hosts[: self.nodes])

    def with_plan(self, plan: Plan) -> Trial:
        """The same trial with these very windows, for reproducing it."""
        return replace(self, plan=compact(plan_to_json(plan)))

    def with_ops(self, ops: Sequence[ScriptedOp]) -> Trial:
        """The same trial with these very ops."""
        return replace(self, ops=compact(ops_to_json(ops)))

    def command(self, verb: str, *more: str) -> str:
        """The command line that asks for this trial again.

        >>> Trial(protocol="abd", nodes=3, threads=10, seed="7").command("sim")
        'harness sim --protocol abd --nodes 3 --concurrency 10 --seed 7'
        """
        words = ["harness", verb, "--protocol", self.protocol]
        default = Trial(protocol=self.protocol)
        if self.workload != default.workload:
            words += ["--workload", self.workload]
        if self.nemesis != default.nemesis:
            words += ["--nemesis", self.nemesis]
        if self.time_ms != default.time_ms:
            words += ["--time", seconds(self.time_ms)]
        for flag, name in (
            ("--nodes", "nodes"),
            ("--concurrency", "threads"),
            ("--rate", "rate"),
            ("--keys", "keys"),
            ("--rtt", "rtt_ms"),
            ("--timeout", "client_timeout_ms"),
        ):
            if getattr(self, name) != getattr(default, name) or (
                name == "threads" and self.nodes != default.nodes  # else two for each node
            ):
                words += [flag, str(getattr(self, name))]
        if self.interval_ms is not None:
            words += ["--interval", seconds(self.interval_ms)]
        if self.calm_ms:
            words += ["--calm", seconds(self.calm_ms)]
        for flag, options in (
            ("--option", self.options),
            ("--workload-option", self.workload_options),
        ):
            for name, value in options.items():
                words += [flag, f"{name}={value}"]
        if self.network != default.network and verb == "sim":
            words += ["--network", self.network]
        if self.wan:
            words += ["--wan", self.wan]
        if self.zones and not self.zones_of_wan():
            words += ["--zones", self.zones]
        if self.heal != default.heal and verb == "sim":
            words += ["--heal", self.heal]
        if self.transport != default.transport and verb == "test":
            words += ["--transport", self.transport]
        if not self.final:
            words += ["--no-final"]
        if self.stop_on_anomaly:
            words += ["--stop-on-anomaly"]
        for flag, text in (("--plan", self.plan), ("--ops", self.ops)):
            if text is not None:
                words += [flag, text]
        return shlex.join([*words, "--seed", self.seed, *more])

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, saved: Mapping[str, object]) -> Trial:
        known = {name: saved[name] for name in cls.__dataclass_fields__ if name in saved}
        return cls(**known)  # type: ignore[arg-type]


def nothing(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    """The generator of no op at all."""
    return Phases([])


def _knows_files(fault: Fault) -> bool:
    """Whether it does what can only be done by who knows the files of a system."""
    return any(isinstance(a, Corrupt | Restore | Wipe) for a in (*fault.begin, *fault.end))


def compact(value: object) -> str:
    """JSON without spaces, for command lines."""
    return json.dumps(value, separators=(",", ":"))


def seconds(ms: int) -> str:
    """Milliseconds as the shortest number of seconds.

    >>> seconds(300_000), seconds(60)
    ('300', '0.06')
    """
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


def run_name(trial: Trial) -> str:
    """The trial's folder in the store.

    >>> run_name(Trial(protocol="tests.mutants.abd:NoWriteBack"))
    'tests.mutants.abd-NoWriteBack-register'
    """
    name = f"{trial.protocol}-{trial.workload}"
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)

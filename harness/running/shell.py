"""``harness shell``: what each of its commands asks of the holder, and how the answers read.

A command's status says how it went, for scripts: 0 done; 1 it certainly was not, or what was claimed does not
hold (a fault that did not bite, histories that differ); 2 nobody knows; 254 it cannot be meant.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.errors import HarnessError, UsageError
from harness.running import breaking, words
from harness.running.handover import await_leader
from harness.running.histories import history_of
from harness.running.logs import cmp, diff, log_of
from harness.running.several import SEVERAL, Answers, targets
from harness.tables import nearest
from nemesis import FAULTS
from nemesis.actions import Fault
from nemesis.encoding import fault_to_json
from protocols.handover import LEAD

DONE, FAILED, UNKNOWN = 0, 1, 2
AT = "@"
"""``get x @n2`` asks n2."""
TIMEOUT_S = 5.0
_STATUS = {"ok": DONE, "fail": FAILED, "info": UNKNOWN}


class Ask(Protocol):
    def __call__(self, do: str, **fields: Any) -> dict[str, Any]:
        """The holder's answer. Raises HarnessError with its sentence."""
        ...


@dataclass(frozen=True)
class Verb:
    """A command: how it is typed, what it does, and what may follow it, for completion."""

    usage: str
    help: str
    run: Callable[[Shell, list[str]], int]
    follows: str = ""
    """``nodes``, ``keys``, ``faults``, ``verbs`` or ``log``."""


@dataclass
class Shell:
    """One session with one cluster. ``names`` are the nodes'."""

    ask: Ask
    names: Sequence[str]
    say: Callable[[str], None]
    keys: dict[str, None] = field(default_factory=dict)
    """Those that were used, for completion."""
    over: bool = False
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep

    def run(self, line: str) -> int:
        """Run the commands of a line, up to the first that is not done; its status."""
        try:
            for command in words.split(line):
                status = self.run_one(command)
                if status != DONE or self.over:
                    return status
        except HarnessError as error:
            self.say(f"harness: {error}")
            return error.exit_code
        return DONE

    def run_one(self, command: Sequence[str]) -> int:
        """Raises HarnessError: UsageError for what cannot be meant."""
        name, *rest = command
        verb = VERBS.get(name)
        if verb is None:
            raise UsageError(f"no command {name!r}{nearest(name, list(VERBS))}")
        try:
            return verb.run(self, rest)
        except UsageError as error:
            raise UsageError(f"{error}\n  usage: {verb.usage}") from error

    # --- clients' commands ------------------------------------------------------------------------

    def op(self, f: str, rest: list[str], arguments: int) -> int:
        """A client's command of a key and so many arguments, at the node after ``@`` if there is one, or at
        several.
        """
        at = rest.pop()[1:] if rest and rest[-1].startswith(AT) else None
        if len(rest) != 1 + arguments:
            raise UsageError(f"it takes a key{' and a value' * bool(arguments)}")
        key, *values = rest
        self.keys[key] = None
        told = [words.value(each) for each in values]
        value = told if f == "cas" else told[0] if told else None
        asked = {"f": f, "key": key, "value": value, "timeout_s": TIMEOUT_S}
        if at is not None and (several := targets(at, self.names, self.zones)):
            return self.op_at(*several, asked)
        node = None if at is None else words.node(at, self.names)
        seen = self.ask("invoke", **asked, node=node)
        self.say(_told(seen))
        return _STATUS[seen["outcome"]]

    def zones(self) -> list[str]:
        return [str(node.get("zone", "")) for node in self.ask("status")["nodes"]]

    def op_at(self, nodes: Sequence[int], need: int, asked: dict[str, Any]) -> int:
        """The same at several nodes at a time: done if as many as it needs have, and none answered another
        thing; failed if they differ.
        """
        told = Answers(self.ask("invoke_at", **asked, nodes=list(nodes))["answers"], need)
        for seen in told.answers:
            self.say(_told(seen))
        self.say(str(told))
        if not told.same:
            return FAILED
        return DONE if told.enough else max(_STATUS[seen["outcome"]] for seen in told.answers)

    def delete(self, rest: list[str]) -> int:
        """Write null, which is how a key reads that was never written."""
        at = [rest.pop()] if rest and rest[-1].startswith(AT) else []
        return self.op("write", [*rest, "null", *at], 1)

    # --- faults -----------------------------------------------------------------------------------

    def begin(self, fault: Fault | str, for_s: float | None) -> int:
        seen = self.ask("fault", fault=fault_to_json(fault), for_s=for_s)
        how_long = "until healed" if for_s is None else f"for {for_s:g} s"
        return self.proved(
            f"fault {seen['number']}, {seen['name']}, {how_long}", seen["proof"], "bit"
        )

    def proved(self, what: str, proofs: Sequence[dict[str, Any]], word: str) -> int:
        """Say what was seen of a fault's begin or end."""
        wrong = [proof for proof in proofs if not proof["bit"]]
        self.say(f"{what}: {'NOT PROVED' if wrong else f'it {word}'}  ({_probes(proofs)})")
        for proof in wrong:
            self.say(f"  {proof['action']}: {proof['saw']}")
        return FAILED if wrong else DONE

    def crash(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time(rest, self.names)
        return self.begin(breaking.crash(nodes), for_s)

    def pause(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time(rest, self.names)
        return self.begin(breaking.pause(nodes), for_s)

    def wipe(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time(rest, self.names)
        return self.begin(breaking.wipe(nodes), for_s)

    def drop(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time(rest, self.names, least=2)
        return self.begin(breaking.drop(nodes), for_s)

    def partition(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time([w for w in rest if w != "|"], self.names)
        sides = _groups(rest, len(nodes), nodes)
        return self.begin(breaking.apart(sides, len(self.names)), for_s)

    def slow(self, rest: list[str]) -> int:
        return self.weather(rest, breaking.SLOW_MS, breaking.slow)

    def flaky(self, rest: list[str]) -> int:
        return self.weather(rest, breaking.FLAKY_PERCENT, breaking.flaky)

    def weather(
        self, rest: list[str], default: int, fault: Callable[[Sequence[int], int, int], Fault]
    ) -> int:
        """``NODE [AMOUNT [SECONDS]]``."""
        amount = default
        if len(rest) > 1:
            if not rest[1].isdecimal():
                raise UsageError(f"not a whole number: {rest[1]!r}")
            amount = int(rest.pop(1))
        nodes, for_s = words.nodes_and_time(rest, self.names)
        return self.begin(fault(nodes, amount, len(self.names)), for_s)

    def fault(self, rest: list[str]) -> int:
        if not 1 <= len(rest) <= 2:
            raise UsageError(f"it takes a fault: {', '.join(FAULTS)}")
        for_s = words.seconds(rest[1]) if len(rest) == 2 else None
        if len(rest) == 2 and for_s is None:
            raise UsageError(f"not a time: {rest[1]!r}")
        return self.begin(rest[0], for_s)

    def heal(self, rest: list[str]) -> int:
        _no_more(rest)
        return self.proved("healed", self.ask("heal")["proof"], "healed")

    def restart(self, rest: list[str]) -> int:
        nodes, for_s = words.nodes_and_time(rest, self.names)
        if for_s is not None:
            raise UsageError("a restart takes no time")
        proofs = [proof for node in nodes for proof in self.ask("restart", node=node)["proof"]]
        return self.proved("restarted", proofs, "runs")

    # --- looking ----------------------------------------------------------------------------------

    def nodes(self, rest: list[str]) -> int:
        _no_more(rest)
        seen = self.ask("status")
        for number, node in enumerate(seen["nodes"]):
            leads = ", leads" if node.get("leader") == number else ""
            zone = f" in {node['zone']}" if node.get("zone") else ""
            self.say(f"{node['name']}{zone}  {node['state']}{leads}  pid {node.get('pid')}")
        for fault in seen["faults"]:
            left = "until healed" if fault["left_s"] is None else f"{fault['left_s']:g} s more"
            self.say(
                f"fault {fault['number']}: {fault['name']}, since {fault['for_s']:g} s, {left}"
            )
        return DONE

    def leader(self, rest: list[str]) -> int:
        """Each node's word on whom it follows. Status 2 where nobody says that it leads itself."""
        _no_more(rest)
        nodes = self.ask("status")["nodes"]
        leaders = [n["name"] for i, n in enumerate(nodes) if n.get("leader") == i]
        self.say(f"leads: {', '.join(leaders) or 'nobody says so'}")
        for node in nodes:
            followed = node.get("leader")
            if followed is not None and self.names[followed] not in leaders[:1]:
                self.say(f"  {node['name']} follows {self.names[followed]}")
        return DONE if leaders else UNKNOWN

    def lead(self, rest: list[str]) -> int:
        """Ask that a node leads, and look until it says so, or for as long as an election may take."""
        if len(rest) != 1:
            raise UsageError("it takes a node")
        node = words.node(rest[0], self.names)
        asked = {"f": LEAD, "key": "", "value": node, "timeout_s": TIMEOUT_S}
        seen = self.ask("invoke", **asked, node=None)
        if seen["outcome"] != "ok":
            self.say(_told(seen))
            return _STATUS[seen["outcome"]]
        took_s = await_leader(self.ask, node, clock=self.clock, wait=self.wait)
        if took_s is None:
            self.say(f"{self.names[node]} does not say that it leads")
            return FAILED
        self.say(f"{self.names[node]} leads  ({took_s * 1000:.0f} ms)")
        return DONE

    def state(self, rest: list[str]) -> int:
        if len(rest) != 1:
            raise UsageError("it takes a node")
        seen = self.ask("get", node=words.node(rest[0], self.names), path="/state")
        self.say(json.dumps(seen["value"], indent=1))
        return DONE

    def noted(self, kind: str) -> dict[str, list[Any]]:
        """What each node noted. Raises HarnessError for a host that is lost."""
        found = {}
        for node in self.ask("notes", kind=kind)["nodes"]:
            if "error" in node:
                raise HarnessError(f"{node['name']}: {node['error']}")
            found[node["name"]] = node["values"]
        return found

    def history(self, rest: list[str]) -> int:
        if len(rest) != 1:
            raise UsageError("it takes a key")
        found = {n: history_of(values, rest[0]) for n, values in self.noted("executed").items()}
        for name, history in found.items():
            self.say(f"{name}  {' '.join(map(_name, history)) or '(none)'}")
        return DONE if any(found.values()) else UNKNOWN

    def consensus(self, rest: list[str]) -> int:
        if len(rest) != 1:
            raise UsageError("it takes a key")
        from harness.running.consensus import consensus  # noqa: PLC0415  a checker: heavy to import

        status, lines = consensus(rest[0], self.noted("executed"))
        for line in lines:
            self.say(line)
        return status

    def log(self, rest: list[str]) -> int:
        match rest:
            case ["print", *more] if len(more) <= 2:
                return self.log_print(more)
            case ["diff" | "cmp" as how]:
                logs = {name: log_of(noted) for name, noted in self.noted("decided").items()}
                if not any(logs.values()):
                    self.say(
                        "unknown: no node noted a decision (a protocol without a log notes none)"
                    )
                    return UNKNOWN
                fine, lines = diff(logs) if how == "diff" else cmp(logs)
                for line in lines:
                    self.say(line)
                return DONE if fine else FAILED
            case _:
                raise UsageError("it takes print, diff or cmp")

    def log_print(self, rest: list[str]) -> int:
        """``[NODE] [LAST]``: of each node, or of one; all of it, or the end."""
        names = list(self.names)
        if rest and not rest[0].isdecimal():
            names = [self.names[words.node(rest.pop(0), self.names)]]
        if rest and not rest[0].isdecimal():
            raise UsageError(f"not a whole number: {rest[0]!r}")
        noted = self.noted("decided")
        for name in names:
            lines = list(log_of(noted[name]).items())
            for slot, what in lines[-int(rest[0]) :] if rest else lines:
                self.say(f"{name}  {slot}  {what}")
        return DONE if any(noted[name] for name in names) else UNKNOWN

    def on(self, rest: list[str]) -> int:
        if len(rest) < 2:
            raise UsageError("it takes a node and a command")
        done = self.ask("run", node=words.node(rest[0], self.names), argv=rest[1:])
        for text in (done["stdout"], done["stderr"]):
            if text:
                self.say(text.rstrip("\n"))
        return DONE if done["status"] == 0 else FAILED

    def help(self, rest: list[str]) -> int:
        for name in rest or VERBS:
            if name not in VERBS:
                raise UsageError(f"no command {name!r}{nearest(name, list(VERBS))}")
            self.say(f"{VERBS[name].usage:<32}  {VERBS[name].help}")
        return DONE

    def exit(self, rest: list[str]) -> int:
        _no_more(rest)
        self.over = True
        return DONE

    # --- completion -------------------------------------------------------------------------------

    def complete(self, before: str, begun: str) -> list[str]:
        """What may stand at the end of a line whose last word is ``begun``, sorted."""
        known = [word for word in before.rpartition(";")[2].split() if word]
        if not known:
            return sorted(name for name in VERBS if name.startswith(begun))
        verb = VERBS.get(known[0])
        if begun.startswith(AT):
            candidates = [f"{AT}{name}" for name in (*self.names, *SEVERAL)]
        elif verb is None:
            candidates = []
        else:
            candidates = {
                "nodes": list(self.names),
                "keys": list(self.keys) if len(known) == 1 else [],
                "faults": list(FAULTS) if len(known) == 1 else [],
                "verbs": list(VERBS),
                "log": ["print", "diff", "cmp"] if len(known) == 1 else list(self.names),
            }.get(verb.follows, [])
        return sorted(each for each in candidates if each.startswith(begun))


def _groups(rest: Sequence[str], count: int, nodes: Sequence[int]) -> list[list[int]]:
    """The nodes by side, as ``|`` parts them."""
    groups: list[list[int]] = [[]]
    left = iter(nodes)
    for word in rest:
        if word == "|":
            groups.append([])
        elif sum(map(len, groups)) < count:
            groups[-1].append(next(left))
    return [group for group in groups if group]


def _probes(proofs: Sequence[dict[str, Any]]) -> str:
    kinds = sorted({str(proof["probe"]) for proof in proofs})
    ms = max((proof.get("ms", 0) for proof in proofs), default=0)
    return f"{len(proofs)} seen by {', '.join(kinds)}, {ms} ms" if proofs else "there was none"


def _no_more(rest: Sequence[str]) -> None:
    if rest:
        raise UsageError(f"it takes no {rest[0]!r}")


def _told(seen: dict[str, Any]) -> str:
    """An op's outcome, in a line."""
    shown = json.dumps(seen["value"]) if seen["outcome"] == "ok" else seen["error"]
    return f"{seen['outcome']}  {shown}   ({seen['node']}, {seen['ms']} ms)"


def _name(what: object) -> str:
    return what if isinstance(what, str) else json.dumps(what)


VERBS: dict[str, Verb] = {
    "get": Verb("get KEY [@NODE]", "read; @all, @majority, @n1,n2 or @ZONE ask several", lambda s, r: s.op("read", r, 0), "keys"),
    "put": Verb("put KEY VALUE [@NODE]", "write: JSON, or a text",
                lambda s, r: s.op("write", r, 1), "keys"),
    "cas": Verb("cas KEY OLD NEW [@NODE]", "write NEW if it is OLD",
                lambda s, r: s.op("cas", r, 2), "keys"),
    "append": Verb("append KEY VALUE [@NODE]", "add to the end of a list",
                   lambda s, r: s.op("append", r, 1), "keys"),
    "delete": Verb("delete KEY [@NODE]", "write null", Shell.delete, "keys"),
    "consensus": Verb("consensus KEY", "whether all nodes ran its updates in one order",
                      Shell.consensus, "keys"),
    "history": Verb("history KEY", "its updates, as each node ran them", Shell.history, "keys"),
    "crash": Verb("crash NODE.. [SECONDS]", "kill -9, and start again", Shell.crash, "nodes"),
    "pause": Verb("pause NODE.. [SECONDS]", "SIGSTOP", Shell.pause, "nodes"),
    "wipe": Verb("wipe NODE [SECONDS]", "kill -9, an empty disk, and start", Shell.wipe, "nodes"),
    "drop": Verb("drop FROM TO [SECONDS]", "what FROM sends does not arrive at TO",
                 Shell.drop, "nodes"),
    "partition": Verb("partition NODE.. [| NODE..] [SECONDS]", "apart from all others, both ways",
                      Shell.partition, "nodes"),
    "slow": Verb("slow NODE [MS [SECONDS]]", f"its links are slower ({breaking.SLOW_MS} ms)",
                 Shell.slow, "nodes"),
    "flaky": Verb("flaky NODE [PERCENT [SECONDS]]", f"its links lose packets ({breaking.FLAKY_PERCENT} %)",
                  Shell.flaky, "nodes"),
    "fault": Verb("fault NAME [SECONDS]", "any of the nemesis' faults, such as partition-leader",
                  Shell.fault, "faults"),
    "heal": Verb("heal", "end all faults, and see it", Shell.heal),
    "restart": Verb("restart NODE..", "kill -9 if it runs, and start", Shell.restart, "nodes"),
    "log": Verb("log print [NODE] [LAST] | diff | cmp", "what was decided, slot by slot; whether it"
                " is the same where it is known; whether it is the same", Shell.log, "log"),
    "nodes": Verb("nodes", "the nodes and the open faults", Shell.nodes),
    "leader": Verb("leader", "who leads, by the nodes' own word", Shell.leader),
    "lead": Verb("lead NODE", "have it lead (raft, multipaxos)", Shell.lead, "nodes"),
    "state": Verb("state NODE", "all that a replica has in memory", Shell.state, "nodes"),
    "on": Verb("on NODE COMMAND..", "run a command on its host", Shell.on, "nodes"),
    "help": Verb("help [COMMAND..]", "this", Shell.help, "verbs"),
    "exit": Verb("exit", "leave; the cluster runs on", Shell.exit),
}  # fmt: skip

"""A client of a cluster, for Python programs: what ``harness shell`` does, as methods (Paxi's client library).

::

    from harness.client import Client

    with Client.running() as client:          # of the youngest cluster of `harness up`
        client.put("x", 1)
        client.get("x", at="n2")
        with client.partition(["n1"]):
            client.put("x", 2, at="n2")

An op returns the value that was answered, and raises where none was: :class:`NoEffect` where it certainly did nothing,
:class:`Unknown` where nobody knows. A fault that did not bite raises :class:`NotProved`. All are HarnessErrors.
``docs/client.md`` is a tour. A client is for one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

from harness.errors import HarnessError, UsageError
from harness.inventory import load
from harness.running import breaking, registry, words
from harness.running.direct import Direct
from harness.running.handover import await_leader
from harness.running.histories import history_of
from harness.running.lifecycle import connected
from harness.running.several import Answers, targets
from harness.systems.ports import HTTP_PORT
from harness.tables import nearest
from nemesis.actions import Fault
from nemesis.encoding import fault_to_json
from protocols.handover import LEAD

__all__ = ["Answers", "Broken", "Client", "NoEffect", "NotProved", "Unknown"]

TIMEOUT_S = 5.0


class NoEffect(HarnessError):  # noqa: N818
    """The op certainly did nothing, and will not."""


class Unknown(HarnessError):  # noqa: N818
    """No answer, or none that says: whether the op took effect is not known. It may yet."""


class NotProved(HarnessError):  # noqa: N818
    """A fault, or its end, was not seen to be there. ``proofs`` says what was."""

    def __init__(self, what: str, proofs: Sequence[dict[str, Any]]) -> None:
        self.proofs = proofs
        wrong = "; ".join(f"{p['action']}: {p['saw']}" for p in proofs if not p["bit"])
        super().__init__(f"{what}: {wrong}")


class Backend(Protocol):
    """Who carries out what is asked: a holder (``harness.running.control``), or the nodes themselves."""

    def ask(self, do: str, **fields: Any) -> dict[str, Any]: ...

    def close(self) -> None: ...


@dataclass
class Broken:
    """A fault that is on. As a context it heals all faults at its end."""

    client: Client
    name: str
    number: int
    proofs: Sequence[dict[str, Any]]
    """What was seen of it, a proof for each action."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.heal()


class Client:
    """Made by :meth:`running`, :meth:`on` or :meth:`at`. ``timeout_s`` is for each op.

    ``at`` names a node: its host's name, or ``n1``, ``n2`` ... in the order of the cluster. Without it an op goes to
    the first node that can be connected to.
    """

    def __init__(
        self, backend: Backend, names: Sequence[str], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._backend, self.names, self.timeout_s = backend, tuple(names), timeout_s

    @classmethod
    def running(cls, name: str | None = None, *, timeout_s: float = TIMEOUT_S) -> Client:
        """Of a cluster of ``harness up``: the youngest, or the one of this name.

        Raises HarnessError where there is none, or it does not answer.
        """
        control = connected(registry.chosen(name))
        try:
            names = [node["name"] for node in control.ask("status")["nodes"]]
        except BaseException:
            control.close()
            raise
        return cls(control, names, timeout_s=timeout_s)

    @classmethod
    def on(cls, inventory: str | Path, *, timeout_s: float = TIMEOUT_S) -> Client:
        """Of nodes on the hosts of an inventory, where ``harness`` puts them, reached by their addresses.

        Raises UsageError for what is no inventory, and one whose hosts are reached through SSH alone.
        """
        read = load(inventory)
        if read.tunnel:
            raise UsageError(f"{inventory}: nothing but SSH gets there: `harness up --on` does")
        places = [(host.address, HTTP_PORT + node) for node, host in enumerate(read.hosts)]
        zones = [host.zone for host in read.hosts]
        return cls(
            Direct([h.name for h in read.hosts], zones, places),
            [host.name for host in read.hosts],
            timeout_s=timeout_s,
        )

    @classmethod
    def at(cls, *places: str, timeout_s: float = TIMEOUT_S) -> Client:
        """Of the nodes that serve clients at these places, ``HOST:PORT`` each, in the cluster's order."""
        found = []
        for place in places:
            host, colon, port = place.rpartition(":")
            if not colon or not port.isdecimal() or not 0 < int(port) < 65_536:
                raise UsageError(f"not HOST:PORT: {place!r}")
            found.append((host.strip("[]"), int(port)))
        if not found:
            raise UsageError("a client needs a node at least")
        names = [f"n{number}" for number in range(1, len(found) + 1)]
        return cls(Direct(names, [""] * len(names), found), names, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._backend.close()

    # --- ops --------------------------------------------------------------------------------------

    def invoke(self, f: str, key: str, value: object = None, *, at: str | None = None) -> Any:
        """Any command of the protocol, such as ``acquire`` or ``txn``; its answer's value."""
        node = None if at is None else self._node(at)
        return _value(self._ask("invoke", **self._asked(f, key, value), node=node))

    def get(self, key: str, *, at: str | None = None) -> Any:
        """What the key holds; None where it was never written."""
        return self.invoke("read", key, at=at)

    def put(self, key: str, value: object, *, at: str | None = None) -> None:
        self.invoke("write", key, value, at=at)

    def cas(self, key: str, old: object, new: object, *, at: str | None = None) -> None:
        """Raises NoEffect where the key does not hold ``old``."""
        self.invoke("cas", key, [old, new], at=at)

    def append(self, key: str, value: object, *, at: str | None = None) -> None:
        """Add to the end of the list that the key holds."""
        self.invoke("append", key, value, at=at)

    def delete(self, key: str, *, at: str | None = None) -> None:
        """Write null, which is how a key reads that was never written."""
        self.put(key, None, at=at)

    # --- the same op at several nodes -------------------------------------------------------------

    def multi_get(self, key: str, at: str | Sequence[str] = "all") -> Answers:
        """What several nodes answer, each asked by a client of its own: ``all``, ``majority``, a zone (a majority
        of it), or names. Whether enough did, and the same, is for the caller to look at.
        """
        return self._several("read", key, None, at)

    def multi_put(self, key: str, value: object, at: str | Sequence[str] = "all") -> Answers:
        """The same of writes."""
        return self._several("write", key, value, at)

    def quorum_get(self, key: str) -> Answers:
        """Paxi's QuorumGet. Raises Unknown where no majority answers."""
        return self._enough(self.multi_get(key, "majority"))

    def local_quorum_get(self, key: str, zone: str) -> Answers:
        """Of a majority of a zone. Raises Unknown where none answers, UsageError for no zone."""
        if zone not in (zones := self._zones()):
            raise UsageError(f"there is no zone {zone!r}{nearest(zone, sorted({*zones} - {''}))}")
        return self._enough(self.multi_get(key, zone))

    def quorum_put(self, key: str, value: object) -> Answers:
        """Raises Unknown where no majority answers."""
        return self._enough(self.multi_put(key, value, "majority"))

    # --- looking ----------------------------------------------------------------------------------

    def nodes(self) -> list[dict[str, Any]]:
        """Of each node its name, zone, address, port (``http``), state, and what it says of its health."""
        found: list[dict[str, Any]] = self._ask("status")["nodes"]
        return found

    def url(self, key: str, at: str) -> str:
        """Where a node serves a key by HTTP, to those in the cluster's network (``harness/node/routes.py``)."""
        node = self.nodes()[self._node(at)]
        host = node["address"]
        return f"http://{f'[{host}]' if ':' in host else host}:{node['http']}/{quote(key)}"

    def leader(self) -> str | None:
        """A node that says of itself that it leads."""
        return next((n["name"] for i, n in enumerate(self.nodes()) if n.get("leader") == i), None)

    def lead(self, node: str) -> None:
        """Have a node lead. Raises NoEffect where the protocol hands nothing over, Unknown where it is not seen to."""
        number = self._node(node)
        self.invoke(LEAD, "", number)
        if await_leader(self._ask, number) is None:
            raise Unknown(f"{node} does not say that it leads")

    def history(self, key: str) -> dict[str, list[Any]]:
        """The updates of a key, by node, in the order in which it ran them. Without a holder the nodes' admin must
        be on.
        """
        return {name: history_of(values, key) for name, values in self._noted(key).items()}

    def consensus(self, key: str) -> bool | None:
        """Whether all nodes ran the key's updates in one order; None where no node noted any."""
        from harness.running.consensus import AGREE, UNKNOWN, consensus  # noqa: PLC0415  heavy

        status, _ = consensus(key, self._noted(key))
        return None if status == UNKNOWN else status == AGREE

    # --- faults -----------------------------------------------------------------------------------

    def crash(self, *nodes: str, seconds: float | None = None) -> Broken:
        """Kill -9, and start again after so long, or when healed. (Without a holder they only seem dead.)"""
        return self.fault(breaking.crash(self._nodes(nodes)), seconds)

    def pause(self, *nodes: str, seconds: float | None = None) -> Broken:
        return self.fault(breaking.pause(self._nodes(nodes)), seconds)

    def drop(self, sender: str, receiver: str, seconds: float | None = None) -> Broken:
        """What ``sender`` sends does not arrive at ``receiver``."""
        return self.fault(breaking.drop(self._nodes([sender, receiver])), seconds)

    def partition(self, *sides: Sequence[str], seconds: float | None = None) -> Broken:
        """These sides do not hear each other, nor the nodes that are on none of them."""
        named = [self._nodes([side] if isinstance(side, str) else side) for side in sides]
        return self.fault(breaking.apart(named, len(self.names)), seconds)

    def slow(self, *nodes: str, ms: int = breaking.SLOW_MS, seconds: float | None = None) -> Broken:
        return self.fault(breaking.slow(self._nodes(nodes), ms, len(self.names)), seconds)

    def flaky(
        self, *nodes: str, percent: int = breaking.FLAKY_PERCENT, seconds: float | None = None
    ) -> Broken:
        return self.fault(breaking.flaky(self._nodes(nodes), percent, len(self.names)), seconds)

    def fault(self, fault: Fault | str, seconds: float | None = None) -> Broken:
        """Any fault, or the name of one (``harness list faults``), for so long or until healed. Raises NotProved."""
        seen = self._ask("fault", fault=fault_to_json(fault), for_s=seconds)
        if not all(proof["bit"] for proof in seen["proof"]):
            raise NotProved(f"{seen['name']} did not bite", seen["proof"])
        return Broken(self, seen["name"], seen["number"], seen["proof"])

    def heal(self) -> None:
        """End all faults. Raises NotProved where one is not seen to have ended."""
        proofs = self._ask("heal")["proof"]
        if not all(proof["bit"] for proof in proofs):
            raise NotProved("not healed", proofs)

    # --- helpers ----------------------------------------------------------------------------------

    @property
    def _ask(self) -> Callable[..., dict[str, Any]]:
        return self._backend.ask

    def _asked(self, f: str, key: str, value: object) -> dict[str, Any]:
        return {"f": f, "key": key, "value": value, "timeout_s": self.timeout_s}

    def _node(self, name: str) -> int:
        return words.node(name, self.names)

    def _nodes(self, names: Sequence[str]) -> list[int]:
        if not names:
            raise UsageError(f"it takes a node: there are {', '.join(self.names)}")
        return [self._node(name) for name in names]

    def _several(self, f: str, key: str, value: object, at: str | Sequence[str]) -> Answers:
        if not isinstance(at, str):
            nodes = self._nodes(at)
            found = nodes, len(nodes)
        elif not (named := targets(at, self.names, self._zones)):
            found = [self._node(at)], 1
        else:
            found = named
        nodes, need = found
        told = self._ask("invoke_at", **self._asked(f, key, value), nodes=nodes)["answers"]
        return Answers(told, need)

    def _zones(self) -> list[str]:
        return [str(node.get("zone", "")) for node in self.nodes()]

    def _enough(self, answers: Answers) -> Answers:
        if not answers.enough:
            raise Unknown(str(answers))
        return answers

    def _noted(self, key: str) -> dict[str, list[Any]]:
        found = {}
        for node in self._ask("notes", kind="executed", key=key)["nodes"]:
            if "error" in node:
                raise HarnessError(f"{node['name']}: {node['error']}")
            found[node["name"]] = node["values"]
        return found


def _value(seen: dict[str, Any]) -> Any:
    if seen["outcome"] == "ok":
        return seen["value"]
    raise (NoEffect if seen["outcome"] == "fail" else Unknown)(f"{seen['node']}: {seen['error']}")

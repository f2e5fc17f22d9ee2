"""The execution of committed instances: strongly connected components, dependencies first.

SOSP'13, section 4.3.3: wait until everything that the command depends on, directly or not, is
committed; find the strongly connected components of that graph; run them in inverse topological
order, and inside a component in a fixed order. Tarjan, "Depth-First Search and Linear Graph
Algorithms", 1972, here without recursion, since a chain may be thousands long.

**No livelock.** While commands on one key keep coming, each may depend on younger ones, and the graph
that it reaches may never be complete ("EPaxos Revisited", NSDI 2021, section 4). As there, where two
commands depend on each other the older one does not wait for what the younger one waits for: that
edge is left out. All replicas leave out the same ones, since what is compared is committed; two that
interfere keep one edge; and less is waited for than in SOSP'13, so that its argument for real-time
order holds. "Older" is there the lower ``seq``, and here the lower sum of the dependencies, which
counts what came before, too; then the instance's name.

It never waits inside: a walk that meets what is not committed gives up, and everything on its stack
(all of which reaches that instance) is woken when it is committed. What is known to be stuck is not
walked again, so that a commit costs what it unlocks, not what is waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.epaxos.instances import COMMITTED, EXECUTED, Instance, Instances
from protocols.epaxos.messages import InstanceId


@dataclass(slots=True)
class _Walk:
    """One depth-first search: Tarjan's numbers, his stack, and the path with what is left to see."""

    index: dict[InstanceId, int] = field(default_factory=dict)
    low: dict[InstanceId, int] = field(default_factory=dict)
    stack: list[InstanceId] = field(default_factory=list)
    path: list[tuple[InstanceId, list[InstanceId]]] = field(default_factory=list)

    def enter(self, iid: InstanceId, children: list[InstanceId]) -> None:
        self.index[iid] = self.low[iid] = len(self.index)
        self.stack.append(iid)
        self.path.append((iid, children))

    def leave(self) -> list[InstanceId]:
        """Step back from the path's end; its component, if it is the root of one."""
        iid, _ = self.path.pop()
        low = self.low[iid]
        if self.path:
            parent = self.path[-1][0]
            self.low[parent] = min(self.low[parent], low)
        if low != self.index[iid]:
            return []
        at = len(self.stack) - 1  # the component is on top of the stack
        while self.stack[at] != iid:
            at -= 1
        component = self.stack[at:]
        del self.stack[at:]
        return component


class Executor:
    """Runs what can be run. ``run`` is told each instance once, in order.

    Subclassed only by mutants.
    """

    def __init__(self, instances: Instances, run: Callable[[InstanceId, Instance], None]) -> None:
        self.instances = instances
        self.run = run
        self.blocked: dict[InstanceId, InstanceId] = {}
        """A committed instance, and the one that it waits for to be known or committed."""
        self.waiters: dict[InstanceId, list[InstanceId]] = {}

    def committed(self, iid: InstanceId) -> None:
        """``iid`` has just been committed: run it, and what waited for it, as far as possible."""
        self.wake(iid)
        self.visit(iid)

    def wake(self, iid: InstanceId) -> None:
        """``iid`` has been committed, or it and all before it in its row have become known."""
        woken = self.waiters.pop(iid, None)
        if woken is None:
            return
        for waiter in woken:
            self.blocked.pop(waiter, None)
        for waiter in woken:
            self.visit(waiter)

    def visit(self, root: InstanceId) -> None:
        """Run ``root`` and all that must run before it, or note what it waits for."""
        instance = self.instances.get(root)
        if instance is None or instance.phase != COMMITTED or root in self.blocked:
            return
        obstacle, children = self._edges(root, instance)
        if obstacle is None and not children:  # most commands: nothing to walk
            self._execute(root)
            return
        walk = _Walk()
        walk.enter(root, children)
        while walk.path and obstacle is None:
            iid, children = walk.path[-1]
            if not children:
                for member in self.order(walk.leave()):
                    self._execute(member)
                continue
            child = children.pop()
            found = self.instances.get(child)
            if found is None or found.phase == EXECUTED:
                continue
            seen = walk.index.get(child)
            if seen is not None:  # complete components have been executed: it is on the stack
                walk.low[iid] = min(walk.low[iid], seen)
            else:
                obstacle, next_children = self._edges(child, found)
                walk.enter(child, next_children)
        if obstacle is not None:
            for iid in walk.stack:
                self.blocked[iid] = obstacle
            self.waiters.setdefault(obstacle, []).extend(walk.stack)

    def order(self, component: list[InstanceId]) -> list[InstanceId]:
        """The tie-break: by row, then number, at every replica alike."""
        return sorted(component)

    def _edges(
        self, iid: InstanceId, instance: Instance
    ) -> tuple[InstanceId | None, list[InstanceId]]:
        """An obstacle for a committed instance, if it has one, else what must run before it.

        What it depends on must be committed, all of it: else who is older cannot be told.
        """
        children: list[InstanceId] = []
        if instance.noop:
            return None, children
        command = instance.command
        assert command is not None
        for row, bound in enumerate(instance.deps):
            if bound > self.instances.rows[row].known:
                return (row, bound), children  # which ones interfere cannot be told yet
        for other, found in self.instances.interfering(command, deps=instance.deps):
            if other == iid:
                continue
            if found.phase < COMMITTED:
                return other, children
            if iid[1] <= found.deps[iid[0]] and self.older(iid, instance, other, found):
                continue
            if other in self.blocked:
                return self.blocked[other], children
            children.append(other)
        return None, children

    def older(
        self, iid: InstanceId, instance: Instance, other: InstanceId, found: Instance
    ) -> bool:
        """Of two committed ones that depend on each other, whether the first need not wait."""
        return (sum(instance.deps), iid) < (sum(found.deps), other)

    def _execute(self, iid: InstanceId) -> None:
        instance = self.instances.get(iid)
        assert instance is not None
        assert instance.phase == COMMITTED
        row = self.instances.rows[iid[0]]
        instance.phase = EXECUTED
        self.instances.settle(iid, instance)
        if instance.command is not None and not instance.noop:
            self.instances.done.add(iid[0], iid[1], instance.command)
        row.advance()
        self.run(iid, instance)

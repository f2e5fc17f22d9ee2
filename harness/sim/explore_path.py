"""A way through worlds, for people: every move spelled out, none too many, told as a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from checker.history import INFO, NEMESIS, Row, node_process
from checker.phrases import of_node
from harness.sim.explore_ledger import answered, invoked
from harness.sim.explore_nodes import Step
from harness.sim.explore_symmetry import NODES_FROM, World
from harness.sim.explore_world import Ask, Crash, Deliver, Fire, Move, Worlds
from nemesis.actions import Kill, Start
from nemesis.encoding import actions_to_json
from protocols.wire import loads

MS = 1_000_000


def spelled_out(worlds: Worlds, moves: Sequence[Move]) -> list[Move]:
    """The moves of a thrifty way, with the plain answers that it took for granted in between."""
    world = worlds.first(plainly=True)
    found: list[Move] = []
    for move in (*moves, None):
        while answers := worlds.plain_answers(world):
            found.append(answers[0])
            world = _must(worlds.play(world, answers[0]))
        if move is not None:
            found.append(move)
            world = _must(worlds.play(world, move))
    return found


def trimmed(worlds: Worlds, moves: Sequence[Move], check: str) -> list[Move]:
    """The moves without those, singly and in pairs, that it does not take to fail ``check``."""
    kept = list(moves)
    width = 1
    while width <= 2:
        shorter = next(
            (
                fewer
                for i in reversed(range(len(kept)))
                for j in (range(i) if width == 2 else (i,))
                if _fails(
                    worlds, fewer := [m for k, m in enumerate(kept) if k not in (i, j)], check
                )
            ),
            None,
        )
        kept, width = (kept, width + 1) if shorter is None else (shorter, 1)
    return kept


def _fails(worlds: Worlds, moves: Sequence[Move], check: str) -> bool:
    world: World | None = worlds.first(plainly=True)
    for move in moves:
        assert world is not None
        if worlds.wrong(world) is not None:
            return False  # sooner than at the end: a shorter one of these will be tried
        world = worlds.play(world, move)
        if world is None:
            return False
    assert world is not None
    wrong = worlds.wrong(world)
    return wrong is not None and wrong[0] == check


def _must(world: World | None) -> World:
    assert world is not None, "a move of the way is not possible"
    return world


def conversation(worlds: Worlds, moves: Sequence[Move]) -> list[str]:
    """One line a move: what happened, and what the node said to it."""
    world = worlds.first(plainly=True)
    lines: list[str] = []
    for number, move in enumerate(moves, 1):
        step = _step(worlds, world, move)
        said = "; ".join(_said(worlds, step))
        lines.append(f"{number:3}  {_told(worlds, move)}" + (f"  =>  {said}" if said else ""))
        world = _must(worlds.play(world, move))
    return lines


def rows(worlds: Worlds, moves: Sequence[Move]) -> list[Row]:
    """The history of these moves, a millisecond each: clients, notes, and crashes with their starts."""
    world = worlds.first(plainly=True)
    found: list[Row] = []
    commands, stories = worlds.commands, worlds.stories
    for number, move in enumerate(moves, 1):
        time_ns, step = number * MS, _step(worlds, world, move)
        waiting = stories.waiting(world[0])
        if isinstance(move, Ask):
            found.append(invoked(time_ns, commands, move.op, move.node))
            waiting = {**waiting, move.op: move.node}
        if isinstance(move, Crash):
            found += _crash_rows(worlds, time_ns, move.node, waiting)
        for kind, text in step.notes:
            node = _node(worlds, move)
            found.append(Row(time_ns, node_process(node), INFO, kind, None, loads(text), node=node))
        heard = {a[0]: a for a in reversed(step.replies) if a[0] in waiting}
        found += [answered(time_ns, commands, answer) for answer in heard.values()]
        world = _must(worlds.play(world, move))
    return found


def _crash_rows(worlds: Worlds, time_ns: int, node: int, waiting: Mapping[int, int]) -> list[Row]:
    value = {
        "phase": "begin", "window": None, "started_ns": time_ns,
        "actions": actions_to_json((Kill(node), Start(node))),
    }  # fmt: skip
    found = [Row(time_ns, NEMESIS, INFO, "crash", None, value)]
    for op, where in waiting.items():
        if where == node:
            c = worlds.commands[op]
            found.append(Row(time_ns, op, INFO, c.f, c.key, c.value, "connection lost", node))
    return found


def _node(worlds: Worlds, move: Move) -> int:
    return worlds.nodes.letters[move.letter].dst if isinstance(move, Deliver) else move.node


def _step(worlds: Worlds, world: World, move: Move) -> Step:
    local = world[NODES_FROM + _node(worlds, move)]
    match move:
        case Deliver(letter, _):
            return worlds.nodes.step(local, letter)
        case Ask(op, _):
            return worlds.nodes.step(local, -1 - op)
        case Fire(_, timer):
            return worlds.nodes.step(local, timer)
        case Crash(_):
            return worlds.nodes.step(local, None)
    assert_never(move)


def _told(worlds: Worlds, move: Move) -> str:
    match move:
        case Deliver(number, stays):
            letter = worlds.nodes.letters[number]
            who = "itself" if letter.src == letter.dst else of_node(letter.src)
            msg = worlds.nodes.codec.decode(letter.text)
            return f"{of_node(letter.dst)} <- {who} {msg}{' (and a copy is left)' * stays}"
        case Ask(op, node):
            command = worlds.commands[op]
            value = "" if command.value is None else f" {command.value}"
            return f"{of_node(node)} is asked by client {op}: {command.f} {command.key}{value}"
        case Fire(node, timer):
            return f"{of_node(node)}'s timer {timer} fires"
        case Crash(node):
            return f"{of_node(node)} crashes, and starts again"
    assert_never(move)


def _said(worlds: Worlds, step: Step) -> list[str]:
    """What a step said, in words."""
    said: list[str] = []
    by_text: dict[str, list[int]] = {}
    for number in step.sent:
        letter = worlds.nodes.letters[number]
        by_text.setdefault(letter.text, []).append(letter.dst)
    for text, to in by_text.items():
        everybody = len(to) == worlds.scope.nodes
        whom = "all" if everybody else ", ".join(of_node(dst) for dst in to)
        said.append(f"to {whom}: {worlds.nodes.codec.decode(text)}")
    said += [f"notes {kind} {text}" for kind, text in step.notes]
    for op, ok, text in step.replies:
        said.append(f"answers client {op}: {text}{'' if ok else ' (refused)'}")
    if step.broken:
        said.append(f"raises {step.broken}")
    return said

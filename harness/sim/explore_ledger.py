"""What a world remembers besides its nodes, as numbers: messages under way, the history, the notes.

Each distinct value is kept once, and each change of one is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from checker import agreement
from checker.history import FAIL, INFO, INVOKE, OK, History, Row, node_process
from checker.verdict import Outcome, Verdict
from harness.sim.explore_nodes import Letter
from protocols.kernel import Command
from protocols.wire import loads
from workloads.kernel import Check

Bag: TypeAlias = tuple[int, ...]
"""Numbers of messages, ascending; one that is under way twice is there twice."""


class Flying:
    """The messages under way. In a network that repeats everything for ever (``repeats``) nothing
    that was sent once ever lands, but for a node's messages to itself.
    """

    def __init__(self, letters: Sequence[Letter], *, repeats: bool) -> None:
        self.bags: list[Bag] = [()]
        self.apart: list[Bag] = [()]
        """The messages of each bag, each once."""
        self._letters, self._repeats = letters, repeats
        self._numbers: dict[Bag, int] = {(): 0}
        self._changes: dict[tuple[int, int, Bag], int] = {}
        self._crashes: dict[tuple[int, int], int] = {}

    def change(self, bag: int, landed: int, sent: Bag) -> int:
        """The bag without one ``landed`` (-1: none), and with those that were sent."""
        change = (bag, landed, sent)
        number = self._changes.get(change)
        if number is None:
            letters = list(self.bags[bag])
            if landed >= 0 and not self.repeated(landed):
                letters.remove(landed)
            for letter in sent:
                if letter not in letters or not self.repeated(letter):
                    letters.append(letter)
            number = self._changes[change] = self.number(letters)
        return number

    def repeated(self, letter: int) -> bool:
        """Whether the network may repeat this message for ever."""
        return self._repeats and self._letters[letter].src != self._letters[letter].dst

    def drop(self, bag: int, letter: int) -> int:
        """The bag without one ``letter``, whatever the network does with it."""
        letters = list(self.bags[bag])
        letters.remove(letter)
        return self.number(letters)

    def crash(self, bag: int, node: int) -> int:
        """The bag when ``node`` has crashed: what it sent to itself is gone."""
        number = self._crashes.get((bag, node))
        if number is None:
            letters = [m for m in self.bags[bag] if self._letters[m] != self._own(m, node)]
            number = self._crashes[bag, node] = self.number(letters)
        return number

    def _own(self, letter: int, node: int) -> Letter:
        return Letter(node, node, self._letters[letter].text)

    def number(self, letters: list[int]) -> int:
        """The bag of these messages, in any order."""
        bag = tuple(sorted(letters))
        number = self._numbers.setdefault(bag, len(self.bags))
        if number == len(self.bags):
            self.bags.append(bag)
            self.apart.append(tuple(dict.fromkeys(bag)))
        return number


Asked: TypeAlias = tuple[int, int]
"""(op, node)"""
Answered: TypeAlias = tuple[int, bool, str]
"""(op, ok, the value as JSON)"""
Story: TypeAlias = tuple[tuple[tuple[Asked | Answered, ...], ...], int]
"""Invocations and answers in turns, each turn sorted; and a bit for each op that a crash cut off.

Which of two invocations in a row came first is of no consequence, and so it is of two answers:
linearizability asks only which answers came before which invocations.
"""


class Stories:
    """The histories of clients, and what the checks say of each."""

    def __init__(self, commands: Sequence[Command], checks: Mapping[str, Check]) -> None:
        self.bad: dict[int, tuple[str, Verdict]] = {}
        self.unknown: dict[int, tuple[str, Verdict]] = {}
        self.left: list[tuple[int, ...]] = []
        """The ops of each history that were not asked for yet."""
        self.over: list[bool] = []
        """Whether each op has been asked for, and has ended."""
        self.answered = False
        """Whether any op was answered in any history."""
        self._commands, self._checks = commands, checks
        self._stories: list[Story] = []
        self._waiting: list[dict[int, int]] = []
        self._numbers: dict[Story, int] = {}
        self._asked: dict[tuple[int, int, int], int] = {}
        self._answered: dict[tuple[int, tuple[Answered, ...]], int] = {}
        self._crashed: dict[tuple[int, int], int] = {}
        self._number(((), 0))

    def __len__(self) -> int:
        return len(self._stories)

    def waiting(self, story: int) -> Mapping[int, int]:
        """The ops that may yet be answered, each with its node."""
        return self._waiting[story]

    def ask(self, story: int, op: int, node: int) -> int:
        """The history when ``op`` has been invoked at ``node``."""
        number = self._asked.get((story, op, node))
        if number is None:
            turns, lost = self._stories[story]
            later = (_in_turn(turns, (op, node), begins=True), lost)
            number = self._asked[story, op, node] = self._number(later)
        return number

    def answer(self, story: int, answers: tuple[Answered, ...]) -> int:
        """The history after these answers. Those that nobody waits for are not heard."""
        number = self._answered.get((story, answers))
        if number is None:
            turns, lost = self._stories[story]
            heard: dict[int, Answered] = {}
            for answer in answers:
                if answer[0] in self._waiting[story]:
                    heard.setdefault(answer[0], answer)
            for answer in heard.values():
                turns = _in_turn(turns, answer, begins=False)
            number = self._answered[story, answers] = self._number((turns, lost))
        return number

    def crash(self, story: int, node: int) -> int:
        """The history when ``node`` has crashed: what was asked there will not be answered."""
        number = self._crashed.get((story, node))
        if number is None:
            turns, lost = self._stories[story]
            for op, where in self._waiting[story].items():
                lost |= (where == node) << op
            number = self._crashed[story, node] = self._number((turns, lost))
        return number

    def _number(self, story: Story) -> int:
        number = self._numbers.setdefault(story, len(self._stories))
        if number == len(self._stories):
            self._stories.append(story)
            turns, lost = story
            asked = {e[0]: e[1] for turn in turns[::2] for e in turn}
            ended = {e[0] for turn in turns[1::2] for e in turn}
            self._waiting.append(
                {op: n for op, n in asked.items() if op not in ended and not lost >> op & 1}
            )
            self.left.append(tuple(op for op in range(len(self._commands)) if op not in asked))
            self.over.append(not self.left[-1] and not self._waiting[-1])
            self._judge(number, turns)
        return number

    def _judge(self, number: int, turns: tuple[tuple[Asked | Answered, ...], ...]) -> None:
        if len(turns) % 2:
            return  # an invocation more breaks nothing
        self.answered |= any(entry[1] for turn in turns[1::2] for entry in turn)
        rows: list[Row] = []
        for place, turn in enumerate(turns):
            for entry in turn:
                time_ns = len(rows) * 1_000_000
                if place % 2 == 0:
                    rows.append(invoked(time_ns, self._commands, entry[0], entry[1]))
                else:
                    rows.append(answered(time_ns, self._commands, entry))  # type: ignore[arg-type]
        history = History.of(rows)
        for name, check in self._checks.items():
            verdict = check(history)
            if verdict.outcome is Outcome.INVALID:
                self.bad.setdefault(number, (name, verdict))
            elif verdict.outcome is Outcome.UNKNOWN:
                self.unknown.setdefault(number, (name, verdict))


def _in_turn(
    turns: tuple[tuple[Asked | Answered, ...], ...], entry: Asked | Answered, *, begins: bool
) -> tuple[tuple[Asked | Answered, ...], ...]:
    """Turns of invocations stand at even places, those of answers at odd ones."""
    if len(turns) % 2 == begins:
        return (*turns[:-1], tuple(sorted((*turns[-1], entry))))
    return (*turns, (entry,))


def invoked(time_ns: int, commands: Sequence[Command], op: int, node: int) -> Row:
    command = commands[op]
    return Row(time_ns, op, INVOKE, command.f, command.key, command.value, node=node)


def answered(time_ns: int, commands: Sequence[Command], answer: Answered) -> Row:
    """The completion of an op as its client saw it."""
    op, ok, text = answer
    command, value = commands[op], loads(text)
    if ok:
        return Row(time_ns, op, OK, command.f, command.key, value)
    return Row(time_ns, op, FAIL, command.f, command.key, command.value, str(value))


JUDGED = ("decided", "executed")
"""The kinds of notes that must agree; others are for people."""

STARTED = ("started", "null")


class Facts:
    """The notes of all nodes, each node's in its own order, and whether they agree."""

    def __init__(self, nodes: int) -> None:
        self.bad: dict[int, tuple[str, Verdict]] = {}
        nothing: tuple[tuple[tuple[str, str], ...], ...] = ((),) * nodes
        self._facts = [nothing]
        self._numbers = {nothing: 0}
        self._changes: dict[tuple[int, int, tuple[tuple[str, str], ...]], int] = {}

    def note(self, facts: int, node: int, notes: tuple[tuple[str, str], ...]) -> int:
        """The facts after these notes of a node."""
        change = (facts, node, notes)
        number = self._changes.get(change)
        if number is None:
            known = self._facts[facts]
            more = tuple(n for n in notes if n[0] in JUDGED or (n == STARTED and known[node]))
            later = (*known[:node], known[node] + more, *known[node + 1 :])
            number = self._changes[change] = self._number(later)
        return number

    def swapped(self, facts: int, swap: Sequence[int]) -> int:
        """The facts if each node had noted what another did; ``swap[node]`` has the node's."""
        noted = sorted(zip(swap, self._facts[facts], strict=True))
        return self._number(tuple(notes for _, notes in noted))

    def _number(self, later: tuple[tuple[tuple[str, str], ...], ...]) -> int:
        number = self._numbers.setdefault(later, len(self._facts))
        if number == len(self._facts):
            self._facts.append(later)
            self._judge(number)
        return number

    def _judge(self, number: int) -> None:
        notes = [(node, note) for node, noted in enumerate(self._facts[number]) for note in noted]
        rows = [
            Row(i * 1_000_000, node_process(node), INFO, kind, None, loads(text))
            for i, (node, (kind, text)) in enumerate(notes)
        ]
        verdict = agreement.check(History.of(rows))
        if verdict.outcome is Outcome.INVALID:
            self.bad[number] = ("agreement", verdict)

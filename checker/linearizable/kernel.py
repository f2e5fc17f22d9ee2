"""The search of :mod:`checker.linearizable.frontier` over arrays of ints, compiled by Numba.

The model is a table: the state after an op of a class, in a state. Where an entry was not asked for
yet, and where room or patience ends, the functions return and say so; called again they go on.
A configuration is a *node*: a row in arrays, found through a hash table with chained rows. Crashed
ops that were used are counted in fields of 64-bit words, each with a guard bit on top, so that one
subtraction a word compares all of them.

Without Numba this module can be read, not used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int64]
Halves = NDArray[np.int32]
Flags = NDArray[np.bool_]
Int: TypeAlias = "int | np.int64"
P = ParamSpec("P")
R = TypeVar("R")

NOT_TRIED, ILLEGAL, NONE = -2, -1, -1
EXPLAINED, EXHAUSTED, PAUSED, MISSING, FULL = range(5)
"""What a call ends with: all answers, no order, its share of steps, a table entry, the room."""

(
    STEPS, PAUSE, BEST, COUNT, DEPTH, STATE, KIND,
    LAYER, SOURCE, SOURCES, FOLLOWING, FLIP, BUCKET, TOP, CURRENT, POSITION,
    REGISTERS,
) = range(17)  # fmt: skip
"""Places in the array of registers, which outlives a call."""


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    try:
        from numba import njit  # noqa: PLC0415  an extra
    except ImportError:
        return function
    try:
        return cast("Callable[P, R]", njit(cache=True)(function))
    except RuntimeError:  # nowhere to keep what was compiled
        return cast("Callable[P, R]", njit()(function))


class Line(NamedTuple):
    """What is open when. Lists of ops are pieces of one array; piece i begins at ``*_at[i]``.

    ``due``: the bit of each answer's op. Before an answer ``acts`` are the open ops that may change
    the state, in the order in which they are due, ``looks`` the open observers, and ``fresh`` those
    observers that were not open before the previous answer. ``crash_*``: of each class of crashed
    ops its class, the answers from which on they may be used, and its field.
    """

    due: Words
    acts_at: Words
    acts: Halves
    looks_at: Words
    looks: Halves
    fresh_at: Words
    fresh: Halves
    bit: Words
    kind: Halves
    crash_kind: Words
    crash_at: Words
    crash_from: Words
    crash_word: Words
    crash_shift: Words
    crash_mask: Words
    guards: Words


class Nodes(NamedTuple):
    """Configurations. ``link`` and ``heads`` are the hash table; a dead one is covered by another."""

    answer: Halves
    placed: Words
    state: Halves
    before: Halves
    used: Words
    link: Halves
    alive: Flags
    heads: Halves


@compiled
def play(  # noqa: PLR0917  a kernel has no keywords
    invoked: Words, ended: Words, look: Flags, crashed: Flags, bit: Words, sizes: Words,
    acts_at: Words, acts: Halves, looks_at: Words, looks: Halves, fresh_at: Words, fresh: Halves,
    due: Words, answered: Words, place: Words, available: Words,
) -> Int:  # fmt: skip
    """Fill in the line from events in order; ``place``: of each op its answer.

    Returns how many answers there was room for, or -1 where more than 63 ops are open at once.
    """
    slots = np.full(64, -1, np.int64)
    opened = np.empty(64, np.int64)
    count, i, j, answer = 0, 0, 0, 0
    n_acts, n_looks, n_fresh = 0, 0, 0
    n = len(invoked)
    while j < len(ended):
        if i < n and invoked[i] < ended[j]:
            op = i
            i += 1
            available[op] = answer
            if crashed[op]:
                continue
            if count == 63:
                return -1
            slot = 0
            while slots[slot] >= 0:
                slot += 1
            slots[slot] = op
            bit[op] = np.int64(1) << slot
            at = count
            while at > 0 and place[opened[at - 1]] > place[op]:
                opened[at] = opened[at - 1]
                at -= 1
            opened[at] = op
            count += 1
            if look[op]:
                fresh[n_fresh] = op
                n_fresh += 1
            continue
        if n_acts + count > len(acts) or n_looks + count > len(looks):
            break
        for k in range(count):
            op = opened[k]
            if look[op]:
                looks[n_looks] = op
                n_looks += 1
            else:
                acts[n_acts] = op
                n_acts += 1
        done = opened[0]
        due[answer] = bit[done]
        answered[answer] = done
        for k in range(1, count):
            opened[k - 1] = opened[k]
        count -= 1
        slot = 0
        while slots[slot] != done:
            slot += 1
        slots[slot] = -1
        answer += 1
        acts_at[answer], looks_at[answer], fresh_at[answer] = n_acts, n_looks, n_fresh
        j += 1
    sizes[0], sizes[1], sizes[2] = n_acts, n_looks, n_fresh
    return answer


@compiled
def covers(line: Line, more: Words, less: Words) -> bool:
    """Whether ``more`` used at least what ``less`` did, of every class."""
    for word in range(len(line.guards)):
        guards = line.guards[word]
        if ((more[word] | guards) - less[word]) & guards != guards:
            return False
    return True


@compiled
def bucket_of(heads: Int, answer: Int, placed: Int, state: Int, before: Int) -> int:
    mixed = np.uint64(placed) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(state + 1) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(answer + 1) * np.uint64(0x165667B19E3779F9)
    mixed ^= np.uint64(before + 2) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    return int(mixed & np.uint64(heads - 1))


@compiled
def offer(  # noqa: PLR0917  a kernel has no keywords
    line: Line, registers: Words, nodes: Nodes, count: Int, answer: Int, placed: Int, state: Int, before: Int,
    used: Words,
) -> bool:  # fmt: skip
    """Make a configuration node ``count``, unless a node used no more of any crashed op."""
    if before != NONE:
        node = nodes.heads[bucket_of(len(nodes.heads), answer, placed, state, NONE)]
        while node >= 0:
            if (
                nodes.placed[node] == placed and nodes.state[node] == state
                and nodes.answer[node] == answer and nodes.before[node] == NONE
                and nodes.alive[node] and covers(line, used, nodes.used[node])
            ):  # fmt: skip
                return False
            node = nodes.link[node]
    head = bucket_of(len(nodes.heads), answer, placed, state, before)
    node = nodes.heads[head]
    visits = 0
    while node >= 0:
        if (
            nodes.placed[node] == placed and nodes.state[node] == state
            and nodes.answer[node] == answer and nodes.before[node] == before
            and nodes.alive[node]
        ):  # fmt: skip
            if covers(line, used, nodes.used[node]):
                registers[STEPS] += visits >> 3
                return False
            if covers(line, nodes.used[node], used):
                nodes.alive[node] = False
        node = nodes.link[node]
        visits += 1
    registers[STEPS] += visits >> 3
    nodes.answer[count], nodes.placed[count] = answer, placed
    nodes.state[count], nodes.before[count] = state, before
    nodes.used[count] = used
    nodes.alive[count] = True
    nodes.link[count] = nodes.heads[head]
    nodes.heads[head] = count
    return True


@compiled
def rehash(nodes: Nodes, count: Int) -> None:
    nodes.heads[:] = -1
    for node in range(count):
        head = bucket_of(
            len(nodes.heads), nodes.answer[node], nodes.placed[node], nodes.state[node],
            nodes.before[node],
        )  # fmt: skip
        nodes.link[node] = nodes.heads[head]
        nodes.heads[head] = node


@compiled
def forget(nodes: Nodes, count: Int) -> None:
    """Empty the hash table in time of what is in it."""
    for node in range(count):
        head = bucket_of(
            len(nodes.heads), nodes.answer[node], nodes.placed[node], nodes.state[node],
            nodes.before[node],
        )  # fmt: skip
        nodes.heads[head] = -1


@compiled
def advance(  # noqa: PLR0917  a kernel has no keywords
    line: Line, table: Halves, registers: Words, answer: Int, placed: Int, state: Int,
    before: Int, until: Int,
) -> tuple[Int, Int, Int]:  # fmt: skip
    """Place observers that are legal, and pass answers of placed ops, up to ``until``.

    Returns the answer, the bits placed and the state before; answer -1 where an entry is missing.
    """
    if answer == until:
        return answer, placed, before
    ops, begin, end = line.looks, line.looks_at[answer], line.looks_at[answer + 1]
    while True:
        registers[STEPS] += 1 + end - begin
        for i in range(begin, end):
            op = ops[i]
            if placed & line.bit[op] == 0:
                found = table[state, line.kind[op]]
                if found == NOT_TRIED:
                    registers[STATE], registers[KIND] = state, line.kind[op]
                    return -1, placed, before
                if found == state:
                    placed |= line.bit[op]
                    before = NONE
        here = line.due[answer]
        if placed & here == 0:
            return answer, placed, before
        placed ^= here
        answer += 1
        if answer == until:
            return answer, placed, before
        ops, begin, end = line.fresh, line.fresh_at[answer], line.fresh_at[answer + 1]


@compiled
def follow(  # noqa: PLR0917  a kernel has no keywords
    line: Line, table: Halves, registers: Words, nodes: Nodes, node: Int, position: Int,
    used: Words,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    """The first configuration after a node, from a position on: open ops, then crashed ones.

    Returns its position, -1 if there is none and -2 where an entry is missing; the bits placed, the
    state, the state before. What it used is left in ``used``.
    """
    answer, placed = np.int64(nodes.answer[node]), nodes.placed[node]
    state, before = np.int64(nodes.state[node]), np.int64(nodes.before[node])
    begin = line.acts_at[answer]
    acts = line.acts_at[answer + 1] - begin
    while position < acts + len(line.crash_kind):
        crash = position - acts
        bit = np.int64(0)
        if crash < 0:
            op = line.acts[begin + position]
            kind, bit = np.int64(line.kind[op]), line.bit[op]
            free = placed & bit == 0
            for earlier in range(begin, begin + position):
                other = line.acts[earlier]
                if line.kind[other] == kind and placed & line.bit[other] == 0:
                    free = False
                    break
        else:
            kind = line.crash_kind[crash]
            mask, shift = line.crash_mask[crash], line.crash_shift[crash]
            so_far = nodes.used[node, line.crash_word[crash]] >> shift & mask
            place = line.crash_at[crash] + so_far
            free = place < line.crash_at[crash + 1] and line.crash_from[place] <= answer
        if free:
            registers[STEPS] += 1
            then = np.int64(table[state, kind])
            other_way = np.int64(NOT_TRIED if before == NONE else table[before, kind])
            if then == NOT_TRIED or (before != NONE and other_way == NOT_TRIED):
                registers[STATE] = state if then == NOT_TRIED else before
                registers[KIND] = kind
                return -2, position, 0, 0
            if then not in (ILLEGAL, other_way) and (crash < 0 or then != state):
                used[:] = nodes.used[node]
                if crash < 0:
                    return position, placed | bit, then, NONE
                used[line.crash_word[crash]] += np.int64(1) << line.crash_shift[crash]
                return position, placed, then, state
        position += 1
    return -1, 0, 0, 0


@compiled
def deep(  # noqa: PLR0917  a kernel has no keywords
    line: Line, table: Halves, registers: Words, nodes: Nodes, stack: Halves, places: Words,
    used: Words,
) -> int:  # fmt: skip
    """Depth first; node 0 is where it begins. ``stack`` holds nodes, ``places`` what is tried next."""
    answers = len(line.due)
    while registers[DEPTH]:
        if registers[STEPS] >= registers[PAUSE]:
            return PAUSED
        if registers[COUNT] == len(nodes.answer) or registers[DEPTH] == len(stack):
            return FULL
        top = registers[DEPTH] - 1
        node = stack[top]
        if not nodes.alive[node]:
            registers[DEPTH] -= 1
            continue
        position, placed, state, before = follow(
            line, table, registers, nodes, node, places[top], used
        )
        if position == -2:
            places[top] = placed
            return MISSING
        if position == -1:
            registers[DEPTH] -= 1
            continue
        places[top] = position
        answer, placed, before = advance(
            line, table, registers, np.int64(nodes.answer[node]), placed, state, before, answers
        )
        if answer < 0:
            return MISSING
        places[top] += 1
        registers[BEST] = max(registers[BEST], answer)
        if answer == answers:
            return EXPLAINED
        if offer(line, registers, nodes, registers[COUNT], answer, placed, state, before, used):
            stack[top + 1], places[top + 1] = registers[COUNT], 0
            registers[DEPTH] += 1
            registers[COUNT] += 1
    return EXHAUSTED


@compiled
def total(line: Line, used: Words) -> Int:
    """How many crashed ops were used."""
    found = np.int64(0)
    for crash in range(len(line.crash_kind)):
        found += used[line.crash_word[crash]] >> line.crash_shift[crash] & line.crash_mask[crash]
    return found


@compiled
def enter(  # noqa: PLR0917  a kernel has no keywords
    line: Line, table: Halves, registers: Words, here: Nodes, following: Nodes, placed: Int,
    state: Int, before: Int, used: Words, buckets: Halves, waiting: Halves,
) -> bool:  # fmt: skip
    """Take a configuration into the layer, or the one after it; false where an entry is missing."""
    layer = registers[LAYER]
    answer, placed, before = advance(
        line, table, registers, layer, placed, state, before, layer + 1
    )
    if answer < 0:
        return False
    if answer > layer:
        if offer(
            line, registers, following, registers[FOLLOWING], answer, placed, state, NONE, used
        ):
            registers[FOLLOWING] += 1
    elif offer(line, registers, here, registers[COUNT], answer, placed, state, before, used):
        node = registers[COUNT]
        count = total(line, used)
        waiting[node] = buckets[count]
        buckets[count] = node
        registers[COUNT] += 1
        registers[BUCKET] = min(registers[BUCKET], count)
        registers[TOP] = max(registers[TOP], count)
    return True


@compiled
def broad(  # noqa: PLR0917  a kernel has no keywords
    line: Line, table: Halves, registers: Words, here: Nodes, one: Nodes, two: Nodes,
    buckets: Halves, waiting: Halves, used: Words,
) -> int:  # fmt: skip
    """Answer by answer. Of ``one`` and ``two`` one holds the layer's beginnings, the other the next's."""
    room = len(here.answer)
    source, following = (two, one) if registers[FLIP] else (one, two)
    while registers[LAYER] < len(line.due):
        while registers[SOURCE] < registers[SOURCES] or registers[BUCKET] <= registers[TOP]:
            if registers[STEPS] >= registers[PAUSE]:
                return PAUSED
            if registers[COUNT] == room or registers[FOLLOWING] == room:
                return FULL
            if registers[SOURCE] < registers[SOURCES]:
                node = registers[SOURCE]
                used[:] = source.used[node]
                if source.alive[node] and not enter(
                    line, table, registers, here, following, source.placed[node],
                    np.int64(source.state[node]), NONE, used, buckets, waiting,
                ):  # fmt: skip
                    return MISSING
                registers[SOURCE] += 1
                continue
            if registers[CURRENT] < 0:
                node = buckets[registers[BUCKET]]
                if node < 0:
                    registers[BUCKET] += 1
                    continue
                buckets[registers[BUCKET]] = waiting[node]
                registers[CURRENT], registers[POSITION] = node, 0
            node = registers[CURRENT]
            position: Int = -1
            if here.alive[node]:
                position, placed, state, before = follow(
                    line, table, registers, here, node, registers[POSITION], used
                )
                if position == -2:
                    registers[POSITION] = placed
                    return MISSING
            if position == -1:
                registers[CURRENT] = -1
                continue
            registers[POSITION] = position
            if not enter(
                line, table, registers, here, following, placed, state, before, used, buckets,
                waiting,
            ):  # fmt: skip
                return MISSING
            registers[POSITION] += 1
        if not registers[FOLLOWING]:
            return EXHAUSTED
        forget(here, registers[COUNT])
        forget(source, registers[SOURCES])
        registers[COUNT], registers[SOURCE], registers[SOURCES] = 0, 0, registers[FOLLOWING]
        registers[FOLLOWING], registers[BUCKET], registers[TOP] = 0, len(buckets), -1
        registers[LAYER] += 1
        registers[BEST] = registers[LAYER]
        registers[FLIP] = 1 - registers[FLIP]
        source, following = following, source
    return EXPLAINED

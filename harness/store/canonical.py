"""Rows as we write them ourselves (:mod:`harness.store.rows`), many at once.

Only what has exactly that form is read here: ``{"index":7,"time":5,"process":3,"type":"ok","f":"read",
"key":"x","value":1,"node":0,"intended":4}`` of a client, key and what follows the value as there are
such. Whatever else a line may be is left to the parser of JSON, so that nothing is read differently,
and nothing wrong is let through.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK
from checker.values import identity
from harness.store.cursor import TOKEN_WORDS, Bools, Cursor, Ints

NOT_HERE = -1
_TYPES = {b'invoke",': INVOKE, b'ok","f":': OK, b'fail","f': FAIL, b'info","f': INFO}
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
assert len(_MIX) == TOKEN_WORDS


class Names:
    """Names by code, in order of appearance; equal exactly where they are the same JSON."""

    def __init__(self) -> None:
        self.table: list[object] = []
        self._code: dict[Hashable, int] = {}
        self._words = np.zeros((TOKEN_WORDS, 0), np.uint64)
        self._hash = np.zeros(0, np.uint64)
        self._known = np.zeros(0, np.int64)

    def code(self, name: object) -> int:
        if name is None:
            return NOT_HERE
        code = self._code.setdefault(identity(name), len(self.table))
        if code == len(self.table):
            self.table.append(name)
        return code

    def codes(self, words: NDArray[np.uint64], size: Ints) -> tuple[Ints, Bools]:
        """The codes of tokens of these lengths, and which are none, or too odd to be told here."""
        mixed = np.zeros(words.shape[1], np.uint64)
        for word, factor in zip(words, _MIX, strict=True):
            mixed ^= word * np.uint64(factor)
            mixed ^= mixed >> np.uint64(29)
        place, found = self._look(mixed, words)
        new = np.flatnonzero(~found & (size > 0))
        if len(new):
            _, first = np.unique(mixed[new], return_index=True)
            some = np.sort(new[first])
            self._learn(words[:, some], mixed[some], size[some])
            place, found = self._look(mixed, words)
        found &= size > 0
        codes = self._known[place] if len(self._known) else np.full(len(size), NOT_HERE)
        return codes, found & (codes != NOT_HERE)

    def _look(self, mixed: NDArray[np.uint64], words: NDArray[np.uint64]) -> tuple[Ints, Bools]:
        """The place of each hash among those known; and where the very words are known too."""
        if not len(self._hash):
            return np.zeros(len(mixed), np.int64), np.zeros(len(mixed), np.bool_)
        place = np.searchsorted(self._hash, mixed)
        np.minimum(place, len(self._hash) - 1, out=place)
        found = np.ones(len(mixed), np.bool_)
        for known, word in zip(self._words, words, strict=True):
            found &= known[place] == word
        return place, found

    def _learn(self, words: NDArray[np.uint64], mixed: NDArray[np.uint64], size: Ints) -> None:
        """Of two tokens of one hash the first stays; the other is left to the JSON parser."""
        codes = []
        for token, length in zip(words.T, size.tolist(), strict=True):
            try:
                codes.append(self.code(json.loads(token.astype("<u8").tobytes()[:length])))
            except ValueError:  # an escaped quote, bytes that are no text: known to be odd
                codes.append(NOT_HERE)
        hashes = np.concatenate([self._hash, mixed])
        self._hash, first = np.unique(hashes, return_index=True)
        self._known = np.concatenate([self._known, np.array(codes, np.int64)])[first]
        self._words = np.concatenate([self._words, words], axis=1)[:, first]


@dataclass(frozen=True)
class Lines:
    """What was read of each line. A line is ``whole``, or ``begun`` (all but from the value on, which
    begins at ``value_at``), or neither; other fields count where it is the one or the other.
    """

    whole: Bools
    begun: Bools
    time_ns: Ints
    process: Ints
    type: NDArray[np.int8]
    f: Ints
    key: Ints
    value: Ints
    nothing: Bools
    node: Ints
    intended_ns: Ints
    value_at: Ints


def read_lines(cursor: Cursor, starts: Ints, stops: Ints, fs: Names, keys: Names) -> Lines:
    """Read lines that begin at ``starts`` and whose newlines are at ``stops``."""
    fine = cursor.literal(starts, b'{"index":')
    at = starts + 9
    _, at = _number(cursor, at, fine)
    at = _past(cursor, at, b',"time":', fine)
    time_ns, at = _number(cursor, at, fine)
    at = _past(cursor, at, b',"process":', fine)
    process, at = _number(cursor, at, fine)
    at = _past(cursor, at, b',"type":"', fine)
    type_, at = _type(cursor, at, fine)
    at = _past(cursor, at, b'"f":', fine)
    fine &= cursor.bytes[np.minimum(at, len(cursor.bytes) - 1)] == ord('"')
    f, at = _name(cursor, at, fine, fs)
    key = np.full(len(at), NOT_HERE, np.int64)
    keyed = np.flatnonzero(fine & cursor.literal(at, b',"key":'))
    if len(keyed):
        good = np.ones(len(keyed), np.bool_)
        key[keyed], at[keyed] = _name(cursor, at[keyed] + 7, good, keys)
        fine[keyed] = good
    at = _past(cursor, at, b',"value":', fine)
    value_at = at
    value, size = cursor.number(at)
    nothing = (size == 0) & cursor.literal(at, b"null")
    at = at + np.where(nothing, 4, size)
    whole = fine & (nothing | (size > 0))
    node, at = _after(cursor, at, b',"node":', whole)
    intended_ns, at = _after(cursor, at, b',"intended":', whole)
    whole &= cursor.literal(at, b"}") & (at + 1 == stops)
    nothing &= whole
    value[~whole | nothing] = 0
    node[~whole] = intended_ns[~whole] = NOT_HERE
    return Lines(
        whole, fine & ~whole, time_ns, process, type_, f, key, value, nothing, node, intended_ns,
        value_at,
    )  # fmt: skip


def _past(cursor: Cursor, at: Ints, expected: bytes, fine: Bools) -> Ints:
    """The places after a literal; ``fine`` is cleared where it is not there."""
    fine &= cursor.literal(at, expected)
    return at + len(expected)


def _number(cursor: Cursor, at: Ints, fine: Bools) -> tuple[Ints, Ints]:
    value, size = cursor.number(at)
    fine &= size > 0
    return value, at + size


def _name(cursor: Cursor, at: Ints, fine: Bools, names: Names) -> tuple[Ints, Ints]:
    words, size = cursor.token(np.where(fine, at, 0))
    codes, found = names.codes(words, np.where(fine, size, 0))
    fine &= found
    return codes, at + size


def _type(cursor: Cursor, at: Ints, fine: Bools) -> tuple[NDArray[np.int8], Ints]:
    """The type of a row, and the place behind the comma that follows it."""
    word = cursor.word(at)
    types = np.full(len(at), NOT_HERE, np.int8)
    size = np.zeros(len(at), np.int64)
    for text, type_ in _TYPES.items():
        here = word == np.uint64(int.from_bytes(text, "little"))
        types[here] = type_
        size[here] = text.index(b",") + 1
    fine &= types != NOT_HERE
    return types, at + size


def _after(cursor: Cursor, at: Ints, name: bytes, whole: Bools) -> tuple[Ints, Ints]:
    """A number that some lines have; NOT_HERE for the others."""
    numbers = np.full(len(at), NOT_HERE, np.int64)
    there = np.flatnonzero(whole & cursor.literal(at, name))
    if len(there):
        good = np.ones(len(there), np.bool_)
        numbers[there], at[there] = _number(cursor, at[there] + len(name), good)
        whole[there] = good
    return numbers, at

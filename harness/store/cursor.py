"""Many places of one text, read at once: what a parser does at one place, as arithmetic on arrays.

Eight bytes at each place are one 64-bit word (little-endian: the first byte is the lowest), so that a
literal is compared, a number's digits are counted and added up, and a closing quote is found, in a few
operations for all places together: Mycroft's search for a zero byte (1987); Lemire, "Number Parsing at
a Gigabyte per Second", Software: Practice and Experience 51(8), 2021, section 8 (eight digits at once).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]

PADDING = 64
"""So many bytes beyond its end are looked at."""
TOKEN_WORDS = 3
"""A name of more than so many words, quotes included, is not read here."""


def _word(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * 8, "little"))


_ONES, _HIGHS, _QUOTES, _ZEROS, _SIX = map(_word, (0x01, 0x80, 0x22, 0x30, 0x76))
_PLACES = np.uint64(sum(k << 8 * (7 - k) for k in range(8)))
_SHIFT = tuple(map(np.uint64, range(65)))
_PAIRS = np.uint64(0x000000FF000000FF)
_HUNDREDS, _UNITS = np.uint64(100 + (1_000_000 << 32)), np.uint64(1 + (10_000 << 32))
_TENS = 10 ** np.arange(9, dtype=np.int64)
_QUOTE = ord('"')


class Cursor:
    """Reads one text. A place must be below its size; PADDING bytes follow it."""

    def __init__(self, text: bytes) -> None:
        padded = text + bytes(PADDING)
        self.bytes = np.frombuffer(padded, np.uint8)
        size = len(padded) - 7
        self._words = np.ndarray((size,), np.dtype("<u8"), padded, strides=(1,))
        self._last = len(text)

    def word(self, at: Ints) -> Words:
        return self._words[np.minimum(at, self._last)]

    def literal(self, at: Ints, expected: bytes) -> Bools:
        """Where the text goes on like this."""
        same = np.ones(len(at), np.bool_)
        for first in range(0, len(expected), 8):
            part = expected[first : first + 8]
            unused = _SHIFT[64 - 8 * len(part)]
            wanted = np.uint64(int.from_bytes(part, "little"))
            same &= (self.word(at + first) << unused) == wanted << unused
        return same

    def number(self, at: Ints) -> tuple[Ints, Ints]:
        """A number of up to 16 digits, as JSON writes it, at each place; and its length, 0 for none."""
        first = self.word(at)
        value, size = _digits(first)
        long = np.flatnonzero(size == 8)
        if len(long):
            low, more = _digits(self.word(at[long] + 8))
            value[long] = value[long] * _TENS[more] + low
            size[long] += more
        size[((first & np.uint64(0xFF)) == ord("0")) & (size > 1)] = 0
        return value, size

    def token(self, at: Ints) -> tuple[NDArray[np.uint64], Ints]:
        """A string without escapes, or a number, at each place: its bytes as TOKEN_WORDS words, and its
        length, 0 for none. What is between the quotes is not looked at.
        """
        words = np.stack([self.word(at + 8 * k) for k in range(TOKEN_WORDS)])
        quoted = self.bytes[at] == _QUOTE
        size = np.zeros(len(at), np.int64)
        open_ = quoted.copy()
        for k in range(TOKEN_WORDS):
            ends = _find_quote(words[k] & ~np.uint64(0xFF) if k == 0 else words[k])
            here = open_ & (ends < 8)
            size[here] = 8 * k + ends[here] + 1
            open_ &= ~here
        if not quoted.all():
            size = np.where(quoted, size, self.number(at)[1])
        for k in range(TOKEN_WORDS):
            kept = np.clip(size - 8 * k, 0, 8)
            unused = (64 - 8 * kept).astype(np.uint64)
            words[k] = (words[k] << unused) >> unused
        return words, size


def _first_high(marks: Words) -> Ints:
    """Which byte is the first with its highest bit set, the only bits there are; 8 for none."""
    lowest = (marks & (~marks + _SHIFT[1])) >> _SHIFT[7]
    place = ((lowest * _PLACES) >> _SHIFT[56]).astype(np.int64)
    place[marks == 0] = 8
    return place


def _find_quote(words: Words) -> Ints:
    other = words ^ _QUOTES
    return _first_high((other - _ONES) & ~other & _HIGHS)


def _digits(words: Words) -> tuple[Ints, Ints]:
    """The number that the leading digits of each word make, and how many these are."""
    digits = words ^ _ZEROS
    size = _first_high(((digits + _SIX) | digits) & _HIGHS)
    digits <<= (64 - 8 * size).astype(np.uint64)
    pairs = digits * _SHIFT[10] + (digits >> _SHIFT[8])
    total = (pairs & _PAIRS) * _HUNDREDS + ((pairs >> _SHIFT[16]) & _PAIRS) * _UNITS
    return (total >> _SHIFT[32]).astype(np.int64), size

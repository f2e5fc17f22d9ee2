"""Which group of replicas a key belongs to: one definition for all protocols that divide keys.

A function of the key and of the cluster's options alone, so that it is the same at every node and
after every restart. Python's own ``hash`` of a text is neither.
"""

from __future__ import annotations

from zlib import crc32

from protocols.kernel import record


def number_of(key: str) -> int | None:
    """The number that a key ends in, if any.

    >>> number_of("r17"), number_of("x")
    (17, None)
    """
    digits = key[len(key.rstrip("0123456789")) :]
    return int(digits) if digits.isascii() and digits else None


@record
class KeyMap:
    """Keys to ``groups`` groups: by their hash, or, where ``width`` is not 0, by ranges of it.

    Ranges are of the number that a key ends in: ``width`` neighbours are of one group, the next
    ``width`` of the next, and after the last group it begins again. (Keys without a number go by
    their hash.)

    >>> [KeyMap(3).group_of(key) for key in ("r0", "r1", "r2")]
    [2, 0, 2]
    >>> [KeyMap(3, width=2).group_of(f"r{i}") for i in range(8)]
    [0, 0, 1, 1, 2, 2, 0, 0]
    """

    groups: int
    width: int = 0

    def group_of(self, key: str) -> int:
        number = number_of(key) if self.width else None
        if number is None:
            return crc32(key.encode("utf-8", "surrogatepass")) % self.groups
        return number // self.width % self.groups

    @property
    def name(self) -> str:
        """Two maps of the same name are the same map.

        >>> KeyMap(5).name, KeyMap(5, 100).name
        ('hash5', 'range5x100')
        """
        return f"range{self.groups}x{self.width}" if self.width else f"hash{self.groups}"

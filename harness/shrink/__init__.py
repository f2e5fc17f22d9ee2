"""Shrinking: the smallest trial that still fails in the same check.

A failing trial becomes data first: its faults resolved, its clients' ops written down. Then parts of
that are left out, or made smaller, again and again, as long as the same check says *invalid*. After
Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002. Where
that ends with a large trial, it is luck that is missing: what was asked for is hunted again, in less
(``again``), small trials are drawn (``draws``), and neighbours are tried (``drift``), by turns.
"""

from harness.shrink.freeze import freeze
from harness.shrink.reductions import reduce
from harness.shrink.search import Bounds, Search, fails_in
from harness.shrink.shrunk import Shrunk, first_invalid, shrink
from harness.shrink.size import Size, size_of

__all__ = [
    "Bounds", "Search", "Shrunk", "Size", "fails_in", "first_invalid", "freeze", "reduce", "shrink",
    "size_of",
]  # fmt: skip

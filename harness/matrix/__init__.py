"""Every protocol under every kind of fault with every workload that it serves: what holds, and what not."""

from harness.matrix.cells import NEMESES, Cell, cells
from harness.matrix.outcome import Tally

__all__ = ["NEMESES", "Cell", "Tally", "cells"]

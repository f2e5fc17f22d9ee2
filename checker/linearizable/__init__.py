"""Linearizability: one order of all ops, within real time, that explains every answer."""

from checker.linearizable.register import check

__all__ = ["check"]

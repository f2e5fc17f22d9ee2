"""Faults as data: what to break, when, and how it is mended."""

"""Where on a host all is that a run puts there."""

from __future__ import annotations


def home_of(tag: str) -> str:
    """The directory of what bears this tag."""
    return f"/var/tmp/harness-{tag}"  # noqa: S108  a name nobody can guess

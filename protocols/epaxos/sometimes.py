"""The rare things that an EPaxos replica notes: a campaign that lacks one of them did not go there."""

from __future__ import annotations

SLOW = "a slow path was taken"
RECOVERED = "a recovery finished"
FINISHED_AS_NOOP = "a recovery finished with a no-op"
WAITED = "a recovery waited for another instance"
REFUSED = "a ballot was contested"
INSTALLED = "a snapshot was installed"

SOMETIMES = (SLOW, RECOVERED, FINISHED_AS_NOOP, WAITED, REFUSED, INSTALLED)

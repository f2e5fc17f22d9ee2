"""The rare things that a replica notes: a campaign that lacks one of them did not go there.

That several objects are acquired at once, or a command voided, needs commands of several keys: bank or
list-append. A campaign of registers never goes there.
"""

from __future__ import annotations

STOLEN = "an object changed its owner"
ACQUIRED_SEVERAL = "several objects were acquired at once"
FINISHED = "an unfinished command was finished"
VOIDED = "an unfinished command was voided"
INSTALLED = "a snapshot was installed"

SOMETIMES = (STOLEN, ACQUIRED_SEVERAL, FINISHED, VOIDED, INSTALLED)

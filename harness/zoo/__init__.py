"""The zoo: protocols broken on purpose, and how soon the tester finds each. Its track record.

A tester that was never seen to find a bug proves nothing. ``mutant`` is an entry of the zoo, ``hunt``
plays trials until a check objects, ``campaign`` does so for many on all cores, ``record`` is what is
then known of a mutant, and ``markdown`` the page that says so.
"""

from harness.zoo.campaign import Campaign
from harness.zoo.mutant import Mutant, load, select
from harness.zoo.record import Record

__all__ = ["Campaign", "Mutant", "Record", "load", "select"]

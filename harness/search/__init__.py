"""Search: which trials a campaign plays, better than one seed after another.

- ``swarm``: each trial draws its own mix of faults, rates and sizes;
- ``priorities``: PCT's priority schedules, as windows of a plan in which links are unequally slow;
- ``coverage``: which transitions of the replicas a trial showed, symmetric nodes folded;
- ``corpus``: the trials that showed something new, and what is made of them;
- ``strategies``: these behind one seam, for ``harness sim --search`` and the benchmark.

Whatever a strategy proposes is an ordinary Trial: its command line plays it again, byte for byte.
It is a part of the harness and not of ``harness.sim``, since it makes trials and does not play them.
What helps and what does not is measured: docs/search.md.
"""

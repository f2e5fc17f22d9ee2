"""Queues, stacks, sets, locks, counters, logs: each decided by what is special about it.

What these cannot decide (values put in twice, removals of unknown fate) goes to the general search.
"""

"""Clusters that outlive the command that made them: ``harness up``, ``ps``, ``shell``, ``down``.

A *holder* is a process in the background that has made the hosts (or reached those of an inventory), put the
nodes there and keeps the fault agents. Everything else speaks to it over a Unix socket. What exists is a
directory for each cluster (:mod:`harness.running.registry`), in which a lock says whether it lives.
"""

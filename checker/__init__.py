"""From a history to a verdict: pure functions.

A check is a function ``History -> Verdict``; ``CHECKS`` names them as import strings.
"""

CHECKS = {
    "linearizable": "checker.linearizable:check",
    "staleness": "checker.graded:check",
    "sequential": "checker.sessions:sequential",
    "sessions": "checker.sessions:check",
    "monotonic-reads": "checker.sessions:monotonic_reads",
    "read-your-writes": "checker.sessions:read_your_writes",
    "writes-follow-reads": "checker.sessions:writes_follow_reads",
    "monotonic-writes": "checker.sessions:monotonic_writes",
    "agreement": "checker.agreement:check",
    "queue": "checker.containers.queue:check",
    "stack": "checker.containers.stack:check",
    "priority-queue": "checker.containers.priority_queue:check",
    "set": "checker.containers.sets:check",
    "set-full": "checker.containers.set_full:check",
    "total-queue": "checker.containers.total_queue:check",
    "mutex": "checker.containers.lock:check",
    "fenced-lock": "checker.containers.lock:check_fenced",
    "counter": "checker.containers.counter:check",
    "unique-ids": "checker.containers.unique_ids:check",
    "log": "checker.containers.log:check",
    "list-append": "checker.transactional.list_append:check",
    "rw-register": "checker.transactional.rw_register:check",
    "bank": "checker.transactional.bank:check",
    "long-fork": "checker.transactional.long_fork:check",
    "stats": "checker.stats:check",
    "availability": "checker.availability:check",
    "vacuity": "checker.vacuity:check",
    "proofs": "checker.proofs:check",
    "crashes": "checker.crashes:check",
}

"""What clients ask for, and what must hold of the answers."""

WORKLOADS = {
    "register": "workloads.register:workload",
    "cas": "workloads.cas:workload",
    "append": "workloads.append:workload",
    "list-append": "workloads.append:list_append",
    "set": "workloads.sets:workload",
    "counter": "workloads.counter:workload",
    "eventual": "workloads.eventual:workload",
    "bank": "workloads.bank:workload",
    "lock": "workloads.lock:workload",
    "lease": "workloads.lease:workload",
    "bench": "workloads.bench:workload",
    "bench-unchecked": "workloads.bench:unchecked",
}
"""Name -> import string of a function without arguments that gives a Workload."""

CLAIMS = tuple(name for name in WORKLOADS if not name.startswith("bench"))
"""Those that each hold a protocol to something of their own: ``bench`` asks what ``register`` does."""

"""What clients ask for, and what must hold of the answers."""

WORKLOADS = {
    "register": "workloads.register:workload",
    "cas": "workloads.cas:workload",
}
"""Name -> import string of a function without arguments that gives a Workload."""

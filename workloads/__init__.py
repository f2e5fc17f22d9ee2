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
}
"""Name -> import string of a function without arguments that gives a Workload."""

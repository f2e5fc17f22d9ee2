"""Faults as data: what to break, when, and how it is mended.

``FAULTS`` is the table of names that ``--nemesis`` knows. A value is the import string of a factory
``(random, nodes, leaders) -> Fault``; importing the table imports no factory. ``KINDS`` says which
names stand for several: a plan goes through their kinds in shuffled rounds, so that all appear.
"""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, str] = {
    "partition": "nemesis.partition:any_kind",
    "partition-halves": "nemesis.partition:halves",
    "partition-one": "nemesis.partition:one",
    "partition-minority": "nemesis.partition:minority",
    "partition-leader": "nemesis.partition:leader",
    "partition-majorities-ring": "nemesis.partition:majorities_ring",
    "partition-bridge": "nemesis.partition:bridge",
    "partition-one-way": "nemesis.partition:one_way",
    "partition-zone": "nemesis.partition:zone",
    "kill": "nemesis.process:kill",
    "kill-one": "nemesis.process:kill_one",
    "kill-minority": "nemesis.process:kill_minority",
    "kill-majority": "nemesis.process:kill_majority",
    "kill-all": "nemesis.process:kill_all",
    "kill-leader": "nemesis.process:kill_leader",
    "kill-zone": "nemesis.process:kill_zone",
    "pause": "nemesis.process:pause",
    "pause-one": "nemesis.process:pause_one",
    "pause-minority": "nemesis.process:pause_minority",
    "pause-majority": "nemesis.process:pause_majority",
    "pause-all": "nemesis.process:pause_all",
    "pause-leader": "nemesis.process:pause_leader",
    "packet": "nemesis.packet:any_kind",
    "packet-delay": "nemesis.packet:delay",
    "packet-jitter": "nemesis.packet:jitter",
    "packet-loss": "nemesis.packet:loss",
    "packet-duplicate": "nemesis.packet:duplicate",
    "packet-slow-node": "nemesis.packet:slow_node",
    "packet-slow-link": "nemesis.packet:slow_link",
    "disk": "nemesis.disk:any_kind",
    "disk-slow": "nemesis.disk:slow",
    "disk-power": "nemesis.disk:power",
    "disk-lose": "nemesis.disk:lose",
    "disk-torn": "nemesis.disk:torn",
    "disk-corrupt": "nemesis.disk:corrupt",
    "disk-full": "nemesis.disk:full",
    "disk-full-minority": "nemesis.disk:full_minority",
    "disk-full-majority": "nemesis.disk:full_majority",
    "disk-full-all": "nemesis.disk:full_all",
    "disk-full-leader": "nemesis.disk:full_leader",
    "wipe": "nemesis.disk:wipe",
    "wipe-leader": "nemesis.disk:wipe_leader",
    "wipe-majority": "nemesis.disk:wipe_majority",
    "clock": "nemesis.clock:any_kind",
    "clock-bump": "nemesis.clock:bump",
    "clock-strobe": "nemesis.clock:strobe",
    "clock-drift": "nemesis.clock:drift",
    "clock-slow-leader": "nemesis.clock:slow_leader",
    "membership": "nemesis.membership:any_kind",
    "membership-leave": "nemesis.membership:leave_one",
    "membership-leave-leader": "nemesis.membership:leave_leader",
    "membership-replace": "nemesis.membership:replace",
    "membership-grow": "nemesis.membership:grow",
    "membership-shrink": "nemesis.membership:shrink",
    "membership-churn": "nemesis.membership:churn",
    "handover": "nemesis.handover:handover",
    "handover-deaf": "nemesis.handover:deaf",
    "aimed": "nemesis.aimed:any_kind",
    "aimed-kill-writer": "nemesis.aimed:kill_writer",
    "aimed-pause-writer": "nemesis.aimed:pause_writer",
    "aimed-kill-healed": "nemesis.aimed:kill_healed",
    "aimed-cut-healed": "nemesis.aimed:cut_healed",
}

SCENARIOS: Mapping[str, str] = {
    "relay-kill": "nemesis.scenario:relay_kill",
    "relay-wipe": "nemesis.scenario:relay_wipe",
    "voice-kill": "nemesis.scenario:voice_kill",
    "voice-wipe": "nemesis.scenario:voice_wipe",
    "echo-kill": "nemesis.scenario:echo_kill",
    "echo-wipe": "nemesis.scenario:echo_wipe",
    "bridge-kill": "nemesis.scenario:bridge_kill",
    "bridge-wipe": "nemesis.scenario:bridge_wipe",
    "slow-then-cut": "nemesis.scenario:slow_then_cut",
    "gap": "nemesis.scenario:gap",
    "gap-members": "nemesis.scenario:gap_members",
}
"""Names that ``--nemesis`` knows as well, each of several windows: ``(random, nodes, stage) -> windows``."""

OF_ZONES = ("partition-zone", "kill-zone")
"""Faults that need to know the nodes' zones."""

BY_NAME = (
    *OF_ZONES,
    "disk-full",
    "disk-full-minority",
    "disk-full-majority",
    "disk-full-all",
    "disk-full-leader",
    "wipe",
    "wipe-leader",
    "wipe-majority",
    "clock-slow-leader",
    "handover",
    "handover-deaf",
)
"""Faults that are of no group: those of zones, those that few protocols can come back from or serve, those
that are aimed at leases, and those of full disks, which came when the plans of ``disk`` had their seeds."""

KINDS: Mapping[str, tuple[str, ...]] = {
    group: tuple(n for n in FAULTS if n.startswith(group + "-") and n not in BY_NAME)
    for group in ("partition", "kill", "pause", "packet", "disk", "clock", "membership", "aimed")
}

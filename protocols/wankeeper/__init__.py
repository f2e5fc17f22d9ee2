"""WanKeeper: each zone has a log, and tokens say which log a key is in; a master deals them out.

Ailijiang, Charapko, Demirbas, Turkkan, Kosar, "Efficient Distributed Coordination at WAN-scale",
37th ICDCS, 2017.

- **Level 1** (``broker``): each zone is a multi-Paxos among its nodes. It runs commands on the keys
  whose *token* it has, at the price of its own round trip.
- **Level 2** (``master``): a multi-Paxos over all nodes whose state is the token table. Commands on
  other keys come here. If the token is here the command is run here, too; when one zone asks often
  enough in a row (``policy``, :mod:`protocols.policies`) the token is granted to it. If it is at a
  zone, it is revoked, the command waits, and is run when the token is back.
- **Grant**: the table says "at zone z since epoch e", and keeps the key's state (value, sessions);
  z's leader brings it to z's log (``grant``), then lets the master forget it (``taken``).
- **Revoke**: z's leader puts a ``release`` in z's log. What is before it was run, what is after it
  finds no token: the log drains itself. Then the state goes to the master's log (``return``), and z
  keeps a copy until it sees it there (``delivered``).
- **No message of its own**: every node follows the master's log, so that a zone's leader reads
  there what it has to do, and answers by commands. Each is named by key and epoch, and checked
  against them where it is run. So there is nothing that a leader, here or there, could forget: the
  next one reads the same.

At every moment one of the logs has the key, or none has it while its state is on the way: for the
table gives it away in the very slot that says to whom, and a zone takes each epoch once.

Zones are the cluster's (``--zones``, ``--wan``). Where none are given, the first three nodes
(option ``zones``) are the homes of a zone each, which all nodes are members of: so that keys wander
between logs, and a crash of any minority stops none of them. Options besides: ``policy``,
``threshold``, and those of multi-Paxos, for each log.

**Departures.** The paper's level 2 is the brokers of one zone; here it has a replica on every node,
so that no zone's loss is its loss: a command at level 2 takes a majority of all nodes. The paper
passes the updates of each zone on to all others, whose clients read their zone's copy, and get
causal consistency; here a read needs the token, as an update does, and is linearizable (by the log,
or by ``read=quorum`` of the zone's). The paper takes the tokens of a zone that is lost from it by a
lease; here no time is trusted.

**Assumes** what multi-Paxos does: loss, duplication and reordering are tolerated, disks are kept,
clocks are not used. A key whose token is at a zone that has lost its majority is not served until
that majority is back: what the zone alone has written nobody else could know, and a second epoch
without its word would forget it. Keys at the master, and at other zones, are served meanwhile.
Commands of several keys are refused.
"""

from protocols.wankeeper.replica import WanKeeper

__all__ = ["WanKeeper"]

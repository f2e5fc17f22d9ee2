"""What every Raft server has: a log, the state machine that its committed part runs on, and clients.

Configurations are entries of the log, too (dissertation, section 4.1). A server uses the newest in its
log, committed or not, from the moment that it has it; and the one before, if that is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from protocols.clients import Clients, Serving
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.membership import (
    MEMBERS,
    Configuration,
    Configurations,
    first,
    from_json,
    mask,
    noted,
    of_value,
    to_json,
)
from protocols.quorums import majority
from protocols.raft.log import Durable, Entry, Log, key_of
from protocols.raft.messages import Message
from protocols.raft.reads import Reads
from protocols.statemachine import READS, TIMED_COMMANDS, Answer, KeyValue, name_of
from protocols.transfer import Incoming

OVERWRITTEN, INSTALLED = "entries were overwritten", "a snapshot was installed"


class Server(Serving[Message]):
    """Keeps a log on disk, applies it as far as it is committed, and makes it short by snapshots."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.batch = cluster.number("batch", 64)
        self.snapshot_every = self.cluster.number("snapshot_every", 1000)
        self.keep = self.cluster.number("keep", 1000, least=0)
        self.read_mode = str(cluster.options.get("read", "index"))
        self.clients = Clients(capacity=1024, patience=100)
        self.reads = Reads()
        self.incoming = Incoming()
        self.matched = 0
        """Up to here the log is that of the current term's leader."""
        self.configs = Configurations(first(cluster))
        self.use_newest()

    def load(self, durable: Mapping[str, Json]) -> None:
        """Figure 2: log[] is on disk; commitIndex nearly so."""
        saved = durable.get("snapshot", (0, 0, None, to_json(self.configs.newest)))
        index, term, state, config = cast("tuple[int, int, Json, Json]", saved)
        self.snapshot = (index, term, state, config)
        self.configs = Configurations(from_json(config))
        self.store = KeyValue.restore(state) if index else KeyValue()
        self.log = Log.load(durable, index, term)
        if key_of(self.log.base) in durable:
            self.forget(key_of(self.log.base))
        self.matched = self.log.commit
        for i in range(index + 1, self.log.commit + 1):
            self.run(self.log[i].command)
        for i in range(index + 1, self.log.last + 1):
            self.adopt(i, self.log[i].command)
        self.use_newest()
        if self.configs.newest.version == 0 and self.configs.newest.members != self.nodes:
            self.note(MEMBERS, noted(self.configs.newest))

    # --- the log (section 5.3) --------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> None:
        """Put entries at the end of the log, on disk before anybody hears of them."""
        log = self.log
        for index, entry in enumerate(entries, log.last + 1):
            self.persist(key_of(index), Durable(entry.term, entry.command, log.commit))
            if entry.command.f == MEMBERS:
                self.adopt(index, entry.command)
                self.use_newest()
        log.append(entries)

    def take(self, first: int, entries: tuple[Entry, ...]) -> None:
        """Steps 3 and 4: only an entry that differs makes the log shorter. A message may be late, and
        what follows its entries is acknowledged already.
        """
        log = self.log
        for index, entry in enumerate(entries, first):
            if index > log.last:
                self.append(entries[index - first :])
                return
            if index > log.commit and log.term(index) != entry.term:
                self.note("sometimes", OVERWRITTEN)
                self.overwrite(index)
                self.append(entries[index - first :])
                return

    def overwrite(self, index: int) -> None:
        for old in self.log.cut(index):
            self.forget(key_of(old))
        self.configs.cut(index)
        self.use_newest()

    # --- configurations (dissertation, section 4.1) -----------------------------------------------

    def adopt(self, index: int, command: Command) -> None:
        """An entry is in the log: if it is a configuration, it is in force."""
        if command.f == MEMBERS:
            self.configs.put(of_value(index, command.value))
            self.renewed(self.configs.newest)

    def renewed(self, config: Configuration) -> None:
        """For subclasses: it is known which life of each server is a member."""

    def use_newest(self) -> None:
        """Whose votes count, and who is written to, is what the newest configuration says."""
        members = self.configs.newest.members
        self.voters = mask(members)
        self.majority = majority(len(members))
        self.peers = tuple(member for member in members if member != self.id)

    def is_out(self) -> bool:
        """Whether it knows that it is not a member: by a configuration that is committed. One that
        is not may yet be overwritten, or need this very server (dissertation, section 4.2.2).
        """
        newest = self.configs.newest
        return not self.voters >> self.id & 1 and newest.version <= self.log.commit

    def membership(self) -> tuple[int, tuple[NodeId, ...]]:
        config = self.configs.as_of(self.log.commit)
        return config.version, config.members

    def left(self) -> None:
        """A configuration is committed that this server is not in."""

    # --- the state machine ------------------------------------------------------------------------

    def learn(self, commit: int) -> None:
        """Step 5: what the leader has committed is committed here, as far as the logs are known to
        be the same.
        """
        commit = min(commit, self.matched)
        while self.log.commit < commit:
            self.advance()

    def advance(self) -> None:
        """The next entry is committed: apply it."""
        log = self.log
        log.commit += 1
        command = log[log.commit].command
        self.note("decided", [log.commit, name_of(command)])
        updates = command.f in TIMED_COMMANDS and command.f not in READS
        if updates and not self.store.ran(command):
            self.note("executed", [command.key, name_of(command)])
        self.answer(self.clients.pop(command), self.run(command))
        if command.f == MEMBERS:
            self.note(MEMBERS, noted(self.configs.as_of(log.commit)))
            if self.is_out():
                self.left()
        if self.reads:
            self.answer_reads()
        if log.commit % self.snapshot_every == 0:
            self.compact()

    def run(self, command: Command) -> Answer:
        return self.store.run(command)

    def answer_reads(self) -> None:
        """Step 4: wait until the state machine has come as far as the index."""
        for command in self.reads.ready(self.log.commit):
            self.answer(self.clients.pop(command), self.run(command))

    # --- log compaction (section 7) ---------------------------------------------------------------

    def compact(self) -> None:
        """A snapshot, and a log that begins ``keep`` entries before it."""
        log = self.log
        self.snapshot = (
            log.commit,
            log.term(log.commit),
            self.store.snapshot(),
            to_json(self.configs.as_of(log.commit)),
        )
        self.configs.forget(log.commit)
        self.persist("snapshot", self.snapshot)
        for old in log.compact(max(log.base, log.commit - self.keep)):
            self.forget(key_of(old))

    def is_news(self, slot: int) -> bool:
        """A snapshot of what is applied here already would take the newer back."""
        return slot > self.log.commit

    def install(self, index: int, term: int, state: Json, config: Json) -> None:
        """A snapshot replaces the whole prefix in one step: no crash can come in between."""
        self.note("sometimes", INSTALLED)
        self.incoming = Incoming()
        self.snapshot = (index, term, state, config)
        self.persist("snapshot", self.snapshot)
        self.store = KeyValue.restore(state)
        for old in self.log.install(index, term):
            self.forget(key_of(old))
        self.configs = Configurations(from_json(config))
        for i in range(index + 1, self.log.last + 1):
            self.adopt(i, self.log[i].command)
        self.use_newest()
        if self.configs.as_of(index).version:
            self.note(MEMBERS, noted(self.configs.as_of(index)))
        self.renewed(self.configs.newest)
        if self.is_out():
            self.left()
        self.answer_what_ran()

    def answer_what_ran(self) -> None:
        """Another's state was taken over: tell the clients whose commands it has applied."""
        for command in self.clients.commands():
            if command.f not in READS and self.store.ran(command):
                self.answer(self.clients.pop(command), self.store.run(command))
        self.answer_reads()

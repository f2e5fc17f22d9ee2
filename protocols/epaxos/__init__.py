from protocols.epaxos.replica import EPaxos

__all__ = ["EPaxos"]

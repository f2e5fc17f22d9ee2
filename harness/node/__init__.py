"""One replica as a process: a journal, peers over TCP, clients over HTTP.

The standard library and ``protocols`` only, so that a host needs nothing but ``python3`` (3.11 or
later); the whole ships as one zipapp. Everything but ``server`` is plain code without an event loop:

- ``config``  what a node is told, from the command line or a JSON file
- ``journal`` the durable map: checksummed records, one fsync a turn, torn tails, compaction
- ``engine``  events in, effects out, persisted first
- ``frames``  what peers say to each other over TCP
- ``web``     what clients say over HTTP/1.1
- ``notes``   what the checkers are told
- ``server``  the sockets and timers: the only file with asyncio
"""

"""Where systems listen: node *i* on these plus *i*, so that several nodes may share a host."""

PEER_PORT = 7000
HTTP_PORT = 8000

"""The only package that touches the world: simulator, nodes, hosts, clients, reports."""

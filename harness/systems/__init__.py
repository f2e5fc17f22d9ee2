"""Systems under test: how each is installed, started, killed and spoken to. One so far: our replicas."""

"""The real interpreter: one replica as a process. Standard library and protocols only."""

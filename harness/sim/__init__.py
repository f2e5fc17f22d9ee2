"""The simulated interpreter: virtual time, one thread, seeded, no I/O."""

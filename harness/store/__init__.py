"""Run directories: recorded while a trial runs, read back whatever happened."""

"""Run directories: written while a trial runs, found and read again afterwards."""

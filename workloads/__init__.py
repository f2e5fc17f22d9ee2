"""What clients ask for, and what must hold of the answers."""

"""Causal consistency: what is seen brings with it all that it depends on."""

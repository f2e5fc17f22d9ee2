"""From a history to a verdict: pure functions."""

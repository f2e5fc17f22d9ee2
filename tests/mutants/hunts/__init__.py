"""Where each protocol's mutants are hunted: apart from them, since they run on hosts, too."""

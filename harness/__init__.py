"""The only package that touches the world: simulator, nodes, hosts, clients, reports.

The modules at the top, by what they are for; each of the folders says so in its ``__init__``:

    what a trial is       trial, tables (names to things), options_asked, inventory
    played, simulated     simulated (on ``sim``), replay
    played, on hosts      on_hosts (all of it), real (its steps), deployment, reach, transports,
                          driver (clients), nemesis_thread (faults), online, load_stats, histogram
    judged                judge, claims (which checks), patience (their bounds)
    many                  crew (who plays them), workers (what these do first), soak, lines (what is kept of them)
    the command line      cli, doctor, interrupts, errors, commit
    measured              footprint
    for programs          client (of a running cluster), testing (trials in a test suite)
"""

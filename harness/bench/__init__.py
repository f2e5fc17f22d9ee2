"""Benchmarks: what a protocol costs its clients, measured on histories that are checked.

For others: :func:`harness.bench.simulated.bench` plays one benchmark in the simulator and gives its
:class:`harness.bench.result.Benched`, with latencies by site and kind of op; pictures are made by
:func:`harness.report.plot.lines` and :func:`harness.report.plot.bars`.
"""

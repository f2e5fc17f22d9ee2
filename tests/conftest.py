"""Settings of the whole test suite: Hypothesis profiles, and skips that name their reason."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A script's background job, as some CI runners start us, has Ctrl-C ignored, and so would have all
# that the tests start: those that press it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests play interpreted, whatever is compiled on this machine, but for those of harness.compiled.
os.environ["HARNESS_COMPILED"] = "no"

# CI explores nothing new: a red build must be the change's own fault. A nightly run explores.
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("explore", derandomize=False, print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

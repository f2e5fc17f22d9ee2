"""From a history to a verdict: pure functions.

A check is a function ``History -> Verdict``; ``CHECKS`` names them as import strings.
"""

CHECKS = {
    "linearizable": "checker.linearizable:check",
    "agreement": "checker.agreement:check",
    "stats": "checker.stats:check",
    "availability": "checker.availability:check",
    "vacuity": "checker.vacuity:check",
    "proofs": "checker.proofs:check",
}

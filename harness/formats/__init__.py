"""Histories from elsewhere: one file a format, each with ``sniff`` and ``parse``; found by content."""

FORMATS = {
    "jsonl": "harness.formats.ours",
    "edn": "harness.formats.jepsen_edn",
    "text": "harness.formats.jepsen_text",
    "json": "harness.formats.jepsen_json",
}
"""Name -> module, in the order in which they are tried."""

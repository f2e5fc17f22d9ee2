"""The simulator compiled: optional, the same program, and only while the sources are those it was made of.

``harness compile`` (``build``) has mypyc make native modules of what is hot in a simulation (``scope``), from sources
that are rewritten a little (``rewrite``); ``loader`` has Python import these instead. Nothing else knows of it.
"""

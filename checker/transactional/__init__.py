"""Isolation of transactions, from what they read and wrote.

After Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB
2020: values are chosen so that what was read tells which transactions it came from; dependencies
between transactions make a graph (Adya, "Weak Consistency", MIT 1999), and cycles in it are anomalies.
"""

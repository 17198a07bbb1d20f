"""What is published next to the idea of the house, and of which our benchmarks don't say that it pays.

`stepdown.contrib.federated` lets models of several owners teach each other by answers on public rows.
"""

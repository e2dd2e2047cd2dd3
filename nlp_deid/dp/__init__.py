"""Differential privacy that holds on real machines: exact draws, stated laws, budgets on disk.

Needs the extra: pip install nlp-deid[dp].
"""

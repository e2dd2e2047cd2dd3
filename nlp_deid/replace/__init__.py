"""Replacement: the policy and the actions it names."""

"""Detectors: each proposes spans, alone and without deciding."""

"""Learned taggers: an encoder and a head over the units of a note."""

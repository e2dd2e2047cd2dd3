"""Readers and writers of notes and spans in the formats of the field."""

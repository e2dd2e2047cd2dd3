"""Structured tables: privacy models that check a table and anonymizers that make them hold."""

"""Short lists of words written in one text."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The items between commas, each on one line."""
    return tuple(" ".join(item.split()) for item in text.split(",") if item.strip())

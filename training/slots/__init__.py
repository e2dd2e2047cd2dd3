"""Fresh values for the identifiers of a note, each in the written form of the one it replaces."""

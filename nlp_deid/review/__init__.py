"""The review page: people correct what a pipeline found, note by note, on their own machine."""

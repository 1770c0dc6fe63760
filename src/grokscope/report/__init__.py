"""A run made readable: the facts, the words, the figures, the page."""

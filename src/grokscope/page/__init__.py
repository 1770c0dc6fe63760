"""A run as one HTML file: words, figures, certificates."""

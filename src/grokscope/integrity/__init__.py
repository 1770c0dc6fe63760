"""Whether a run's files are what was written, and what of them can be mended."""

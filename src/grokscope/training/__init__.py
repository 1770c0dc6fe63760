"""From a spec to a folder: the loop for one or many networks, the fast step, the run on disk."""

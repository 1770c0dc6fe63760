"""What there is to say of a run: facts, measured once, and their sentences."""

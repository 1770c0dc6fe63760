"""Speedrun: which recipe makes a network generalise for the least processor time."""

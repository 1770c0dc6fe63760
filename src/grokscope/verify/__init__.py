"""Whether a circuit is true of a network: kept, removed, put in its place, bounded."""

"""Many networks from one command, in one table: grids, batches, engines."""

"""Each source's experiments as specs, one file each, with the numbers to expect."""

"""A laboratory for grokking: train tiny networks, watch them generalise, and explain how."""

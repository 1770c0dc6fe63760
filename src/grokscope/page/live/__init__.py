"""The page while a run trains, and in a notebook."""

"""Trained and planted networks to read, explain and compare with: a manifest of them, how they are
built, and how networks are pulled from the Hugging Face Hub or a folder, and pushed there."""

"""Will it grok? Published signals, measured before it happens, and a race between them."""

"""Singer target for Spotzee."""

"""What Spotzee was last confirmed to have, and who was seen in the source."""

"""What became of each record: settled, rejected, counted."""

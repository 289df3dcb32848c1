"""What the snapshot saves and what it costs: `make bench MIRROR=1`."""

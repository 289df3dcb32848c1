"""What this target costs beside the canonical one and a bare loop: `make bench`."""

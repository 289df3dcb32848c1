"""What a SCHEMA says, and whether records keep to it."""

"""The settings: declared once, and read from files and the environment."""

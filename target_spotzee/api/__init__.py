"""Spotzee's HTTP."""

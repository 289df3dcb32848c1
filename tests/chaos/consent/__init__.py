"""Nights of a source that says who wants what, while everything fails; every moment is looked at.

What the source says is drawn in `source`, what befalls it in `scenario`; `run` plays it, and
`verdict` says who could be reached who had said no.
"""

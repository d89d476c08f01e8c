"""Turns the sections of a recipe into records and objects.

Besides the binaries, only these modules read a `ConfigDict`; all other helpers get the
records and objects that these return.
"""

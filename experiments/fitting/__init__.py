"""Fits many instances at once: common start, retries, speed, and rehearsal."""

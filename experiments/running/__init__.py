"""What every binary does around its own part: flags, run folder, keys, processes."""

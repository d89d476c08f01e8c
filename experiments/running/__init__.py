"""Code that all binaries share: flags, run folder, random keys, processes."""

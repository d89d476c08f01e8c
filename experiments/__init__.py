"""One binary per arrow of the pipeline; see README.md for the order and the cost."""

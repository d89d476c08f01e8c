"""How samples and weights are judged."""

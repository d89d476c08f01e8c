"""What a population of fitted weights holds: classes, clusters, dimensions."""

"""The instances, pictures or shapes, and the representation that stores them."""

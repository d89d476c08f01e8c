"""What is fitted: pictures or shapes, and the representation that stores them."""

"""What a step can do to the world, and the values that go there and come back."""

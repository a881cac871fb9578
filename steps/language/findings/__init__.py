"""What can be found wrong in an expression before it is evaluated."""

"""The syntax of expressions: tokens, nodes, and what an expression reads."""

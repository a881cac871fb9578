"""A definition document: the shape of its keys, its bodies and edges, and what it compiles to."""

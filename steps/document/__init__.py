"""A definition document: its keys, bodies and edges, and the definition it compiles to."""

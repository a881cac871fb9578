"""The language of definitions: templates and expressions, their syntax, filters and cost.

MiniJinja evaluates expressions. Before that, they are parsed here, so that the names and calls in
them are known when a definition is saved. They are also rewritten: operations that MiniJinja
performs without an error (`"5" > 100`) or without a bound (`[0] * 10**9`) become calls of checked
functions.
"""

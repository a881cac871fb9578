"""The language of definitions: templates and expressions, their syntax, filters and cost.

MiniJinja evaluates. Before it does, an expression is parsed here, so that what it names and calls
is known when a definition is saved, and written anew with the operations that MiniJinja does
without a word (`"5" > 100`) or without a bound (`[0] * 10**9`) as calls of checked functions.
"""

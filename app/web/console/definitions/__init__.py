"""The pages of workflows and agents: the editor, versions, comparisons, checks."""

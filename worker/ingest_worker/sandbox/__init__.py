"""Child processes for untrusted input:
walls around the one that decodes, budgets around the one that fetches."""

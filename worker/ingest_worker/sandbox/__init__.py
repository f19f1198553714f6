"""Child processes for what comes from outside: walls around the one that decodes, budgets around the one that
fetches."""

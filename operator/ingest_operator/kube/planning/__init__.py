"""From sources to a frozen plan."""

"""The corpus for agents, by the Model Context Protocol."""

"""Opens the corpus to people, programs and agents: pages, JSON and MCP over a store that it only reads."""

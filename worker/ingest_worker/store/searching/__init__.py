"""The parts of a search, which `store.search` puts together."""

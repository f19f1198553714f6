"""Media that nobody trusts into audio that everybody can: the only place that knows PyAV, and only in a child
process with limits."""

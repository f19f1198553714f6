"""Batches as the commands see them: one protocol, `port`, and behind it this machine, `here`, or a cluster,
`cluster`. `choice` takes the one that the user's options mean."""

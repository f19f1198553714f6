"""A stored transcript in the formats that other programs read. Pure."""

"""Results that are kept in the tree, and the machine that they were measured on."""

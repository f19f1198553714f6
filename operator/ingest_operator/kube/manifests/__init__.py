"""The objects that the operator creates."""

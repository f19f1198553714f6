"""Programs of others that tests run: Helm, and judges of the health of objects."""

"""The demo's locked set of models, what it is built from, and what the product's engines are compared
with."""

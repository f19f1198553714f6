"""Media files of every kind, made by PyAV, and web servers for them."""

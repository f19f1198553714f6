"""The store's read side for services: pooled connections that can write nothing, and what pages show."""

"""What a person runs to see it work: `make demo`, a batch and a profile, and the set of models that tests use
too."""

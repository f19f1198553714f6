"""Speech whose words and turns are known, because it was made here or comes with its reference."""

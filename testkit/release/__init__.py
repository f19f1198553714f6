"""The chart installed on a real node, with its surroundings, and the people who type commands."""

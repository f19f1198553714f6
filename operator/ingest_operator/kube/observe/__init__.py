"""What Jobs and pods say about runs."""

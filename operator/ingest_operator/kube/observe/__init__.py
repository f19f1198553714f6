"""What Jobs and pods report about runs."""

"""The core: decides, and touches nothing."""

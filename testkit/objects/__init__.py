"""Values and Kubernetes objects to begin a test with."""

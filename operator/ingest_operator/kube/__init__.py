"""The operator in a cluster: manifests and observations of Jobs and pods, pure; and the shell that talks to
the API server."""

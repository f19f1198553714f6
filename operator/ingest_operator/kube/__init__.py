"""The operator in a cluster: manifests and what comes back of them, pure; and the shell that talks to the API
server."""

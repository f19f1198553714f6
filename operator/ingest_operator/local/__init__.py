"""The local backend: this machine as a cluster. One subprocess per run, the same orders, receipts and status
as in Kubernetes."""

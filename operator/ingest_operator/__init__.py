"""The operator: a pure core (`outcome`, `ledger`, `fold`, `decide`, `status`) and thin shells around it, one
per kind of cluster."""

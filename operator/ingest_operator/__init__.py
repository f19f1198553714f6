"""The operator: a pure core (`observe`, `ledger`, `fold`, `plan`, `status`) and thin shells around it, one
per kind of cluster."""

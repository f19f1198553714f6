"""What it takes for a control plane 1.35 to serve MutatingAdmissionPolicies: it has them, and serves them
only if it is told to."""

VERSION = "v1beta1"
FLAGS = (
    "--feature-gates=MutatingAdmissionPolicy=true",
    f"--runtime-config=admissionregistration.k8s.io/{VERSION}=true",
)
"""Of the API server."""

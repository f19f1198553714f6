"""A real control plane, a stand-in for the kubelet that plays pods, proxies that break things, and the
operator in it."""

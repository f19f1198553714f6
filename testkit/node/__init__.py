"""A real node in namespaces of its own: kubelet, containerd, runc, kube-proxy, a firewall, and images built
for it."""

"""What the operator costs, and how soon it tells what happened:
measured on a real control plane with played pods."""

"""What an installation needs: roles and policies."""

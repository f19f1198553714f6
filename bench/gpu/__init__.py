"""What only a GPU can show, as one command and one table. `make test-gpu`.

One small module per row. A row that cannot be had says why, by name: no driver's tool, no package, no GPU.
Rows that need torch alone live on a bare machine from the folder that `make gpu-kit` makes (64 MiB at most).
"""

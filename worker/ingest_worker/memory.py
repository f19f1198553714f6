"""Out of memory, in every shape it takes, and the one way the worker answers it: halve that stage's batch and redo only the failing unit.

`classify` knows the shapes; `in_batches` is the loop that every GPU stage runs its work through. Must import no engine: exceptions are
recognised by their class names and texts, so this file is tested without a GPU.
"""

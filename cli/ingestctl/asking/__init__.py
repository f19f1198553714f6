"""`ingestctl search`: a question is answered by a running reader, or from the store.

Imports nothing that a running reader makes needless (`python -X importtime -m ingestctl search ...`): what
opens the store and the text model is imported where there is no reader to ask.
"""

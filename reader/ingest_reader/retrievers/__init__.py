"""Retrievers for LangChain and LlamaIndex, which ask a running reader over HTTP.
Extras `langchain` and `llama-index`."""

"""The engines behind the ports: one adapter each, and the only places that import torch, CTranslate2,
pyannote or sentence-transformers."""

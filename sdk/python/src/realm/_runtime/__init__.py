"""What a client knows of a node's runtime: its functions and types, by its metadata alone, and how values become SCALE
and SCALE values by those types.

    metadata ──scale──► registry ──load, names──► Types ──functions──► Function, ..
                                                               │
    params ──params, encode, plain──► values ──scale──► "0x.." ┤
    result ◄──decode, outcome, numbers── values ◄──scale── "0x.."
"""

from .functions import Function, Parameter, streaming_name
from .runtime import Runtime, metadata_hash
from .shapes import Type, Types

__all__ = ["Function", "Parameter", "Runtime", "Type", "Types", "metadata_hash", "streaming_name"]

"""Results on disk."""

from bench.store.store import Store

__all__ = ["Store"]

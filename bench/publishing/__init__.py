"""From the store to a report: the only room that knows both."""

from bench.publishing.compare import compare
from bench.publishing.content import content, publish
from bench.publishing.merge import merge

__all__ = ["compare", "content", "merge", "publish"]

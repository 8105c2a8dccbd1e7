"""From the store to a report: the only room that knows both."""

from bench.publishing.compare import compare
from bench.publishing.content import content, load, publish, recommend
from bench.publishing.merge import merge
from bench.publishing.unite import unite

__all__ = ["compare", "content", "load", "merge", "publish", "recommend", "unite"]

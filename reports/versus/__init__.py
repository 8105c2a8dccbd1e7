"""One decoder against others: what the results say of every pair, and which runs are missing."""

from reports.versus.document import Comparison, compare, write_comparison

__all__ = ["Comparison", "compare", "write_comparison"]

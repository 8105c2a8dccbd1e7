"""One decoder against others: what the results say of every pair, and which runs are missing."""

from reports.versus.document import Comparison, compare

__all__ = ["Comparison", "compare"]

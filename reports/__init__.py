"""Reports: from a table of runs to Markdown, figures and a CSV file.

    import reports

    content = reports.Content(title=..., results=..., ...)
    reports.write(content, Path("report"))    # README.md, figures/ and results.csv in report/
    made = reports.compare(content, "mine", ["*sigma"])      # one decoder against others
    reports.write_comparison(made, Path("report/compare-mine"))

The package stands on pandas, scipy, matplotlib and tabulate alone.
"""

from reports.content import Column, Content, Features, Measure, ReportError, Row, Status
from reports.metric import Metric
from reports.versus import Comparison, compare
from reports.writing import write, write_comparison

__all__ = [
    "Column",
    "Comparison",
    "Content",
    "Features",
    "Measure",
    "Metric",
    "ReportError",
    "Row",
    "Status",
    "compare",
    "write",
    "write_comparison",
]

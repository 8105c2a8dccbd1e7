"""Reports: from a table of runs to Markdown, figures and a CSV file.

    import reports

    content = reports.Content(title=..., results=..., ...)
    reports.write(content, Path("report"))    # README.md, figures/ and results.csv in report/

The package stands on pandas, scipy, matplotlib and tabulate alone.
"""

from reports.content import Column, Content, Features, Measure, ReportError, Row
from reports.writing import write

__all__ = ["Column", "Content", "Features", "Measure", "ReportError", "Row", "write"]

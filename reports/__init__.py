"""Reports: from a table of runs to Markdown, figures and a CSV file.

    import reports

    content = reports.Content(title=..., results=..., ...)
    reports.write(content, Path("report"))    # README.md, pages, figures/, results.csv
    reports.as_frames(content).history           # pandas; reports.read(Path("results.csv")).runs
    reports.recommend({"README.md": content})    # which decoder, as a Markdown table
    made = reports.compare(content, "mine", ["*sigma"])      # one decoder against others
    reports.write_comparison(made, Path("report/compare-mine"))

The package stands on pandas, scipy, matplotlib and tabulate alone. Its rooms, each of which imports
only those before it:

    content, metric, published     what a report is made from; the numbers of the paper
    analysis                       groups, means, intervals, ranks, take-off: nothing is printed
    frames                         runs, histories, values of each image as tables of pandas
    printing                       Markdown, LaTeX, cells and tables
    claims                         what the results say of the claims of the paper
    figures                        one file a kind of figure
    sections                       the sections of a report, in order
    document                       a report in memory, and its way to disk
    versus                         one decoder against others
"""

from reports.analysis.collapse import COLLAPSE_KEYS, why_collapsed
from reports.content import IDENTIFICATION, TIMED_ON, Column, Content, ReportError, Row, Status
from reports.document import Also, recommend, write
from reports.frames import Frames, as_frames, read
from reports.metric import Metric, described, overview
from reports.versus.document import Comparison, compare, write_comparison

__all__ = [
    "COLLAPSE_KEYS",
    "IDENTIFICATION",
    "TIMED_ON",
    "Also",
    "Column",
    "Comparison",
    "Content",
    "Frames",
    "Metric",
    "ReportError",
    "Row",
    "Status",
    "as_frames",
    "compare",
    "described",
    "overview",
    "read",
    "recommend",
    "why_collapsed",
    "write",
    "write_comparison",
]

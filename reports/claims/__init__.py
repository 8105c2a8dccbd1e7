"""The claims of the paper, put to the results of a report.

Only this room and the published numbers know likelihoods by name. Each claim is a rule, printed in
the report, and a function that looks for its evidence on one group.
"""

from reports.claims.evidence import Claim, Finding, Judged, findings, judged, of_the_paper, overall
from reports.claims.rules import CLAIMS

__all__ = ["CLAIMS", "Claim", "Finding", "Judged", "findings", "judged", "of_the_paper", "overall"]

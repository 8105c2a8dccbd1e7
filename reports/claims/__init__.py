"""The claims of the paper, put to the results of a report.

Only this room and the published numbers know likelihoods by name. Each claim is a rule, printed in
the report, and a function that looks for its evidence on one group.
"""

from reports.claims import images, variance
from reports.claims.decoders import of_the_paper
from reports.claims.evidence import Claim, Finding, findings, overall

CLAIMS = (
    variance.BEATS_UNIT_VARIANCE,
    variance.MATCHES_BEST_BETA,
    variance.AT_INFLECTION,
    images.GOOD_NLL_POOR_SAMPLES,
    variance.CONVERGES_FASTER,
    images.BEST_IMAGES,
    images.DISCRETE,
)

__all__ = ["CLAIMS", "Claim", "Finding", "findings", "of_the_paper", "overall"]

"""The claims of the paper, put to the results of a report.

Only this room and the published numbers know likelihoods by name. Each claim is a rule, printed in
the report, and a function that looks for its evidence on one group.
"""

from reports.claims.decoders import of_the_paper
from reports.claims.discrete import DISCRETE
from reports.claims.evidence import Claim, Finding, findings, overall
from reports.claims.images import BEST_IMAGES, GOOD_NLL_POOR_SAMPLES
from reports.claims.speed import CONVERGES_FASTER
from reports.claims.variance import AT_INFLECTION, BEATS_UNIT_VARIANCE, MATCHES_BEST_BETA

CLAIMS = (
    BEATS_UNIT_VARIANCE,
    MATCHES_BEST_BETA,
    AT_INFLECTION,
    GOOD_NLL_POOR_SAMPLES,
    CONVERGES_FASTER,
    BEST_IMAGES,
    DISCRETE,
)

__all__ = ["CLAIMS", "Claim", "Finding", "findings", "of_the_paper", "overall"]

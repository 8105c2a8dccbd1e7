"""From a plan to runs: what is carried out, where, in which order."""

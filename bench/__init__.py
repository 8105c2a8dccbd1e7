"""The harness of Likelihood Bench: suite -> runs -> training -> evaluation -> store -> report."""

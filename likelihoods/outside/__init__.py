"""How likelihoods from outside this package get in; nothing here determines a number."""

"""From a plan to stored results: what is still to be done, and who does it."""

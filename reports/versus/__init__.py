"""One decoder against others: what the results say of every pair, and which runs are missing."""

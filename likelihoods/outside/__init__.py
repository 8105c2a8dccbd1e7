"""Likelihoods from files and packages of users, and the fingerprint of their source."""

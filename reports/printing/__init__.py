"""Markdown: numbers and text, the cells of a table, and the tables that several sections share."""

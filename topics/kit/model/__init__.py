"""The house model and its language, in numpy. Knows nothing of pages."""

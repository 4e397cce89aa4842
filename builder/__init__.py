"""Turns topics/ and templates/ into site/: discover, check, render, bundle, write. Runs on the host only."""

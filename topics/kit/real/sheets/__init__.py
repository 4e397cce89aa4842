"""Model sheets: a config.json read as matrices by name, shape and count, and what follows from them."""

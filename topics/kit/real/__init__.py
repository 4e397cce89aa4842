"""Real models and real hardware, as published, and what follows from their numbers. Knows nothing of pages."""

"""What a page is made of: controls, demos, views and exercises, and the door to the worker. Knows no topic."""

"""The claims of builder, kit, pages and browser, held."""

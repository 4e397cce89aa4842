"""Performance measured in a real browser, beside a stock Pyodide page."""

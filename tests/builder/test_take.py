"""What a reader takes away works alone: notebooks with numpy and Plotly, a method's file with numpy."""

import os

SITE = os.environ.get("LLM_INTERNALS_SITE")
RUN = """
import json, sys, time
sys.modules["plotly"] = None  # what draws is not what is held here
for path in sys.argv[1:]:
    for module in [each for each in sys.modules if each.partition(".")[0] in ("topics", "take")]:
        del sys.modules[module]
    names, began = {"__name__": "__main__"}, time.process_time()
    for cell in json.load(open(path, encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            print(path, cell["id"], flush=True)
            exec(cell["source"], names)
    print(path, "whole", round(time.process_time() - began, 2))
"""

"""All figures of `make bench` in one run: start-up beside a stock page, bytes, slider to paint, build time."""

import json
import subprocess
import sys
from pathlib import Path

from bench import building, model
from bench.interaction import bytes_before_interaction, pack_bytes, slider_to_paint
from bench.lighthouse import CATEGORIES, scores
from bench.startup import describe, measure
from topics import ORDER

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "bench/results/latest.json"


def main():
    site, missed = REPOSITORY / "site", []

    def report(name, value, limit, unit, digits=0):
        ok = value <= limit
        missed.extend([] if ok else [name])
        print(
            f"{'ok    ' if ok else 'MISSED'}  {name}: {value:,.{digits}f} {unit} (at most {limit:,} {unit})", flush=True
        )
        return value

    subprocess.run([sys.executable, REPOSITORY / "build.py", "build"], check=True, stdout=subprocess.DEVNULL)
    results = {"building": build_times(report)}

    results["bytes"] = {slug: bytes_before_interaction(site, f"{slug}.html") for slug in written(site)}
    largest = max(results["bytes"], key=lambda slug: results["bytes"][slug]["total"])
    for slug, limit in (("kv_cache", 67), (largest, 82)):
        sizes = results["bytes"][slug]
        report(f"HTML, CSS and JavaScript before interaction, gzip, {slug}", sizes["total"] / 1000, limit, "kB", 1)
        print("        " + ", ".join(f"{k} {v / 1000:.1f} kB" for k, v in sizes.items() if k != "total"))
    results["pack_mb"] = report("Python over the wire", pack_bytes(site) / 1e6, 8, "MB", 2)

    demos = ("#demo-memory_calculator", "#demo-prefill_against_decode", "#demo-decode_by_hand")
    results["paint"] = [slider_to_paint(site, demo=demo) for demo in demos]
    for paint in results["paint"]:
        report(f"slider to paint, {paint['demo']}, median of {paint['moves']}", paint["median"], 60, "ms")
        report(f"slider to paint, {paint['demo']}, 95th percentile", paint["p95"], 120, "ms")

    results["lighthouse"] = scores(site)
    for page, found in results["lighthouse"].items():
        for category in CATEGORIES:
            least = 90 if category == "performance" else 100
            report(f"Lighthouse, {page}, {category}: points lost", 100 - found[category], 100 - least, "points")
        if found["lost"]:
            print(f"        {'; '.join(found['lost'])}")

    results["model"] = model.measure()
    for part, found in results["model"].items():
        report(f"the house model: {model.NAMES[part]}", found["median"], model.LIMITS[part], "ms", 1)

    for mbit in (None, 10):
        result = measure(mbit=mbit)
        results[f"startup_{mbit or 'loopback'}"] = result
        print(describe(result), flush=True)
        if mbit is None:
            report("numpy imported, of the stock page's time, on loopback", result["imported"]["ratio"], 0.5, "", 2)

    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))
    return f"missed: {', '.join(missed)}" if missed else 0


def build_times(report):
    found = building.measure()
    for change, limit in building.LIMITS.items():
        report(f"build, {building.TODAY}, {change}", found[building.TODAY][change]["wall"], limit, "s", 1)
    print(building.describe(found), flush=True)
    return found


def written(site):
    """The slugs of the topics that the site has pages of."""
    return [slug for members in ORDER.values() for slug in members if (site / f"{slug}.html").exists()]


if __name__ == "__main__":
    sys.exit(main())

"""All figures of `make bench` in one run: start-up beside a stock page, bytes, move to paint, build time."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench import building, model
from bench.interaction import bytes_before_interaction, move_to_paint, pack_bytes
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

    results["bytes"] = {slug: bytes_before_interaction(site, f"{slug}.html") for slug in ["index", *written(site)]}
    largest = max(results["bytes"], key=lambda slug: results["bytes"][slug]["total"])
    report(
        f"before interaction, gzip, the largest page, {largest}", results["bytes"][largest]["total"] / 1000, 75, "kB", 1
    )
    for slug, sizes in results["bytes"].items():
        print(f"        {slug}: " + ", ".join(f"{kind} {size / 1000:.1f} kB" for kind, size in sizes.items()))
    results["pack_mb"] = report("Python over the wire", pack_bytes(site) / 1e6, 8, "MB", 2)

    results["paint"] = move_to_paint(site, [page for page in results["bytes"] if page != "index"])
    for kind, most in {"instant": 100, "model": 500}.items():
        mine = {demo: found for demo, found in results["paint"].items() if found["kind"] == kind}
        slow = max(mine, key=lambda demo: mine[demo]["p95"])
        report(
            f"move to paint, {len(mine)} {kind} demos, median of medians",
            median(f["median"] for f in mine.values()),
            most,
            "ms",
        )
        report(f"move to paint, {slow}, the slowest {kind} demo, 95th percentile", mine[slow]["p95"], most, "ms")
        print(
            "        " + ", ".join(f"{demo} {found['median']:.0f}/{found['p95']:.0f}" for demo, found in mine.items())
        )

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
        report(f"build, {change}", found[change]["wall"], limit, "s", 1)
    print(building.describe(found), flush=True)
    return found


def written(site):
    """The slugs of the topics that the site has pages of."""
    return [slug for members in ORDER.values() for slug in members if (site / f"{slug}.html").exists()]


if __name__ == "__main__":
    sys.exit(main())

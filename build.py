"""The command line: build | serve | check | new | record. Short; the work is done in builder/."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Builds LLM Internals.")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the project with topics/ (default: this one)")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("build", "build the site"), ("serve", "build, serve, rebuild on changes")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, help="where to (default: site/ of the project)")
        if name == "serve":
            command.add_argument("--port", type=int, default=8000)
    commands.add_parser("check", help="check everything, write nothing; the page standard counts")
    commands.add_parser("new", help="make a topic that builds").add_argument("slug")
    recorded = commands.add_parser("record", help="run a live demo and keep its answer for its page")
    recorded.add_argument("demo", help="slug.demo")
    args = parser.parse_args()
    root = args.root.resolve()
    sys.path.insert(0, str(root))  # before anything imports topics
    sys.dont_write_bytecode = True
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core a topic; sums are the same everywhere
    run = {"build": run_build, "serve": run_serve, "check": run_check, "new": run_new, "record": run_record}
    return run[args.command](root, args)


def run_build(root, args):
    from builder.site import build

    build(root, args.out or root / "site", os.environ.get("SITE_URL", ""))


def run_check(root, _):
    from builder.site import check

    check(root)


def run_new(root, args):
    from builder.new import new_topic

    new_topic(root, args.slug)


def run_record(root, args):
    from builder.figure.record import record

    record(root, args.demo)


def run_serve(root, args):
    """Each rebuild is a fresh process: an edited module is really imported anew."""
    from watchfiles import watch

    from builder.serve import SiteServer

    out = args.out or root / "site"
    command = [sys.executable, __file__, "--root", root, "build", "--out", out]
    subprocess.run(command)
    server = SiteServer(out, port=args.port, live=True).start()
    print(f"Serving {server.url} (Ctrl-C stops). Pages reload when topics/ or templates/ change.", flush=True)
    for changes in watch(root / "topics", REPOSITORY / "templates", REPOSITORY / "builder", raise_interrupt=False):
        print("Changed:", ", ".join(sorted(os.path.relpath(path, root) for _, path in changes)), flush=True)
        if subprocess.run(command).returncode == 0:
            server.reload()


if __name__ == "__main__":
    from builder.bundle.assets import AssetError
    from builder.bundle.runtime import RuntimePackError
    from builder.faults import FaultsError
    from builder.node import NodeError

    try:
        main()
    except (FaultsError, AssetError, NodeError, RuntimePackError) as problem:
        sys.exit(f"{problem}")

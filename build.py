"""The command line: build | archive | serve | check | new | record. Short; the work is done in builder/."""

import argparse
import os
import subprocess
import sys
import traceback
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Builds LLM Internals.")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the project with topics/ (default: this one)")
    commands = parser.add_subparsers(dest="command", required=True)
    texts = {
        "build": "build the site",
        "archive": "and pack it as one zip",
        "serve": "build, serve, rebuild on changes",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, help="where to (default: site/ of the project)")
        if name == "serve":
            command.add_argument("--port", type=int, default=8000, help="or the next free one (default: 8000)")
    commands.add_parser("check", help="check everything, write nothing; the page standard counts")
    commands.add_parser("new", help="make a topic that builds").add_argument("slug")
    recorded = commands.add_parser("record", help="run a live demo and keep its answer for its page")
    recorded.add_argument("demo", help="slug.demo")
    args = parser.parse_args()
    root = args.root.resolve()
    sys.path.insert(0, str(root))  # before anything imports topics
    sys.dont_write_bytecode = True
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core a topic; sums are the same everywhere
    run = {"build": run_build, "archive": run_build, "serve": run_serve, "check": run_check}
    run |= {"new": run_new, "record": run_record}
    try:
        run[args.command](root, args)
    except BuildError as problem:
        sys.exit(f"{problem}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
    except Exception as error:
        sys.exit(told(error, root))


def told(error, root):
    """What is no fault of the content: told in a line, and in full in a file."""
    file = REPOSITORY / ".cache/failure.txt"
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        more = f"How it came about is in {file.relative_to(REPOSITORY)}."
    except OSError:
        more = ""
    return f"{fault_of(error, root)}. {more}"


def run_build(root, args):
    ensure_order(root)
    from builder.site import build

    where = os.environ.get("SITE_URL", ""), os.environ.get("RUNTIME_URL", "")
    build(root, args.out or root / "site", *where, archive=args.command == "archive")


def run_check(root, _):
    ensure_order(root)
    from builder.site import check

    check(root)


def ensure_order(root):
    """Now: to import anything of topics/ runs topics/__init__.py."""
    _, faults = read_order(root)
    if faults:
        raise FaultsError(faults)


def run_new(root, args):
    from builder.new import new_topic

    new_topic(root, args.slug)


def run_record(root, args):
    ensure_order(root)
    from builder.figure.record import record

    record(root, args.demo)


def run_serve(root, args):
    """Each rebuild is a fresh process: an edited module is really imported anew."""
    from watchfiles import watch

    from builder.serve import SiteServer

    out = args.out or root / "site"
    server = SiteServer(out, port=args.port, live=True)  # now, not after a whole build: its port may be taken
    command = [sys.executable, __file__, "--root", root, "build", "--out", out]
    subprocess.run(command)
    server.start()
    print(f"Serving {server.url} (Ctrl-C stops). Pages reload when topics/ or templates/ change.", flush=True)
    watched = [root / "topics", root / "tests", REPOSITORY / "templates", REPOSITORY / "builder"]
    for changes in watch(*filter(Path.is_dir, watched), raise_interrupt=False):
        print("Changed:", ", ".join(sorted(os.path.relpath(path, root) for _, path in changes)), flush=True)
        if subprocess.run(command).returncode == 0:
            server.reload()


if __name__ == "__main__":
    if not sys.flags.utf8_mode:  # texts are UTF-8, whatever the machine's locale says
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    from builder.faults import BuildError, FaultsError
    from builder.read.order import read_order
    from builder.watch import fault_of

    main()

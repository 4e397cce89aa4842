"""What a long script has found so far, so that it goes on where it was stopped. Knows no page."""

import json
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def kept(name):
    """Gives ({key: result}, once): once(key, work, *given) does, keeps and tells only what has not been done before.

    At the end of the work all is forgotten: a later run, perhaps of other code, begins anew.
    """
    path = ROOT / f".cache/{name}.json"
    done = json.loads(path.read_text()) if path.exists() else {}

    def once(key, work, *given):
        if key not in done:
            done[key] = work(*given)
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(done))
            print(key, str(done[key])[:300], flush=True)
        return done[key]

    yield done, once
    path.unlink(missing_ok=True)

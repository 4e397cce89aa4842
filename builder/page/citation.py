"""For those who cite a page, mend it or report an error. Knows the repository's address, not the page's text."""

import tomllib
from functools import cache
from types import SimpleNamespace
from urllib.parse import urlencode

import yaml

from builder.places import REPOSITORY


def around(topic, site_url):
    """bibtex and plain: the page as a source; edit: its address at the repository."""
    project, release = published()
    author, year = release["authors"][0]["name"], topic.meta.get("reviewed", release["date-released"]).year
    url = f"{site_url.rstrip('/')}/{topic.slug}.html" if site_url else project
    return SimpleNamespace(
        bibtex=bibtex(topic, author, year, url),
        plain=f"{author} ({year}). {topic.title}. LLM Internals. {url}",
        edit=f"{project}/edit/main/{topic.file}",
    )


def report_address(title, path, build):
    """Where a reader reports an error. The page's script fills in figure and setting: static/js/page/report.js.

    build  names the state of the page that the report is about
    """
    body = f"Page: {path}\nFigure: \nSetting: \nBuild: {build}\n\nWhat is wrong, and a source:\n"
    return f"{published()[0]}/issues/new?{urlencode({'title': f'{title}: ', 'body': body})}"


@cache
def published():
    """(address of the repository, the release as CITATION.cff has it)."""
    project, release = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CITATION.cff"))
    return tomllib.loads(project)["project"]["urls"]["Repository"], yaml.safe_load(release)


def bibtex(topic, author, year, url):
    fields = {"author": f"{{{author}}}", "title": topic.title, "howpublished": "LLM Internals"}
    fields |= {"year": year, "url": url}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{llminternals_{topic.slug},", *lines, "}"])

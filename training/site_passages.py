"""Takes the paragraphs of the built site's topics as passages, for the page on retrieval, which searches them.

    python build.py build && python -m training.site_passages   # numpy; a minute

Passages are paragraphs of prose under the heading where they stand: no captions, tables, listings, exercises or
sources. Those under LEAST words are left out; those over MOST are cut at ends of sentences. Written is
topics/data/passages.json: the date, the topics' titles, and for each passage [topic, heading, text]. Then of these
topics/data/lsa.safetensors: the DIRECTIONS of their LSA, U and S, FP16.
"""

import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from topics import ORDER
from topics.rag.method import index_of, lsa_embed, tfidf
from topics.rag.site import site_texts
from topics.rag.words import terms_of

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "topics/data/passages.json"
DIRECTIONS = 64
LEAST, MOST = 20, 110
SKIPPED = {"llm-demo", "form", "pre", "table", "svg", "script", "details", "button", "annotation", "nav", "header"}
HIDDEN = {"katex-html", "katex-display", "exercise", "anchor", "cite", "predict", "visually-hidden"}
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "path", "mspace"}
ENDS = {"Sources", "Verified by", "Exercises"}


class Paragraphs(HTMLParser):
    """[(heading, paragraph)] of a page."""

    def __init__(self, html):
        super().__init__()
        self.title, self.heading, self.found = "", "", []
        self.skipping, self.into = 0, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        classes = set((dict(attrs).get("class") or "").split())
        if tag in VOID:
            return
        if self.skipping or tag in SKIPPED or classes & HIDDEN:
            self.skipping += 1
        elif tag in ("h1", "h2", "p"):
            self.into = [tag, ""]

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if self.skipping:
            self.skipping -= 1
        elif self.into and tag == self.into[0]:
            self.keep(tag, " ".join(self.into[1].split()))
            self.into = None

    def handle_data(self, data):
        if self.into and not self.skipping:
            self.into[1] += data

    def keep(self, tag, text):
        if tag == "h1":
            self.title = text
        elif tag == "h2":
            self.heading = text
        elif self.heading not in ENDS:
            text = re.sub(r"\(\s*[,;\s]*\)", "", text.replace("\u2061", " "))  # what is left of citations
            self.found.append((self.heading, re.sub(r"\s+([.,:;])", r"\1", text)))


def cut(text, most=MOST):
    """A text in pieces of whole sentences, as even as they go, none over so many words if sentences allow."""
    words = len(text.split())
    parts = -(-words // most)
    pieces, room = [""], words / parts
    for sentence in re.split(r"(?<=[.:!?]) (?=[A-Z*“])", text):
        if pieces[-1] and len(pieces[-1].split()) + len(sentence.split()) / 2 > room:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return pieces


def main():
    titles, passages = [], []
    for slug in (slug for section in ORDER.values() for slug in section):
        file = ROOT / f"site/{slug}.html"
        if not file.exists() or slug == "rag":
            continue
        page = Paragraphs(file.read_text().split('<div class="prose">', 1)[1])
        title = re.search(r"<h1>(.*?)</h1>", file.read_text()).group(1)
        titles.append(title)
        for heading, text in page.found:
            pieces = [piece for piece in cut(text) if len(piece.split()) >= LEAST]
            passages += [[len(titles) - 1, heading or "Opening", piece] for piece in pieces]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in passages)
    head = json.dumps({"made": str(date.today()), "titles": titles}, ensure_ascii=False)[:-1]
    DATA.write_text(f'{head}, "passages": [\n{lines}\n]}}\n')
    print(f"{len(passages)} passages of {len(titles)} topics, {DATA.stat().st_size:,} bytes")
    write_lsa()


def write_lsa():
    U, S = lsa_embed(tfidf(index_of([terms_of(text) for text in site_texts()]))[0], DIRECTIONS)
    save_file({"U": U.astype(np.float16), "S": S.astype(np.float16)}, DATA.with_name("lsa.safetensors"))


if __name__ == "__main__":
    main()

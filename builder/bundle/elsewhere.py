"""Where readers fetch Python and the models, if not here: the address of a copy of the site (RUNTIME_URL)."""

from urllib.parse import urlsplit

from builder.faults import Fault, FaultsError


def elsewhere_of(runtime_url):
    """The address of the folder, with its final slash; "" where none is set; raises FaultsError.

    >>> elsewhere_of("https://example.org/copy")
    'https://example.org/copy/'
    """
    parts = urlsplit(runtime_url)
    if runtime_url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        cause = f"{runtime_url} is no whole address of a folder, such as https://example.org/llm-internals/"
        raise FaultsError([Fault("RUNTIME_URL", 0, cause)])
    return runtime_url and runtime_url.rstrip("/") + "/"


def origin_of(url):
    """
    >>> origin_of("https://example.org:8443/copy/"), origin_of("")
    ('https://example.org:8443', '')
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""

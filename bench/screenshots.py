"""Takes the README's pictures: the index and a topic, on a desktop and a phone, light and dark, Python being live."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from builder.serve import SiteServer
from tests import chromium

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURES = REPOSITORY / ".github/screenshots"
SCREENS = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}
PAGES = ("index", "kv_cache")


def main():
    PICTURES.mkdir(exist_ok=True)
    server = SiteServer(REPOSITORY / "site").start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        for screen, viewport in SCREENS.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport=viewport, color_scheme=scheme)
                for name in PAGES:
                    take(context, f"{server.url}{name}.html", PICTURES / f"{name}-{screen}-{scheme}.jpg")
                context.close()
        browser.close()


def take(context, url, path):
    page = context.new_page()
    page.goto(url)
    page.mouse.move(5, 5)
    page.mouse.move(6, 6)
    if page.locator(".topic llm-demo").count():  # the index starts no Python by itself
        page.locator('llm-demo[state="live"]').first.wait_for(timeout=60_000)
    page.screenshot(path=path, type="jpeg", quality=82)
    print(f"Wrote {path.relative_to(REPOSITORY)}")
    page.close()


if __name__ == "__main__":
    main()

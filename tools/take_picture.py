"""Take the picture of a report that the README shows.

Run it as `python tools/take_picture.py runs/mnist-balanced-1/report.html docs/report.png`.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1120, 1360  # pixels: the headline, the curves and the first rows of the matrix


def main() -> None:
    """Open the page in Chromium, light, and save what is seen first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=size, color_scheme="light")
        page.goto(arguments.report.resolve().as_uri())
        page.screenshot(path=arguments.picture)
        browser.close()


if __name__ == "__main__":
    main()

"""What a real Chromium sees of a page: its console, other hosts, findings of an accessibility checker."""

from importlib.resources import files

from playwright.sync_api import Page

YOUTUBE = "https://www.youtube-nocookie.com/**"
"""Requests of a player's frame."""


def watched(page: Page) -> list[str]:
    """What the console says from now on, and what is asked of other hosts."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda request: None if request.url.startswith("http://127.0.0.1:") else told.append(request.url),
    )
    return told


def serious(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, by rule and element."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {iframes: false})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:120]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]

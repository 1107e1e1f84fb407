"""A browser's name for itself in words that its owner knows again."""

from __future__ import annotations

from flask_babel import gettext as _

# the first that is found names it: most say they are several
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
MACHINES = (
    ("iPhone", "iPhone", "phone"),
    ("iPad", "iPad", "tablet"),
    ("Android", "Android", "phone"),
    ("CrOS", "ChromeOS", "laptop"),
    ("Windows", "Windows", "laptop"),
    ("Mac OS X", "Mac", "laptop"),
    ("Linux", "Linux", "laptop"),
)


def describe(browser: str) -> tuple[str, str]:
    """ "Firefox on Windows", and its icon."""
    name = next((name for sign, name in BROWSERS if sign in browser), "")
    machine, icon = next(((machine, icon) for sign, machine, icon in MACHINES if sign in browser), ("", "laptop"))
    if name and machine:
        return str(_("%(browser)s on %(machine)s", browser=name, machine=machine)), icon
    return name or machine or str(_("Unknown browser")), icon

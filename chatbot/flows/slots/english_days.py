"""Phrases about days in English: a table of expressions over folded text, first come first served."""

from __future__ import annotations

from dataclasses import replace

from chatbot.flows.slots import days
from chatbot.flows.slots.day_table import ORDINAL_WORDS, Groups, Rule, day_number, feast_rules, month, number, year
from chatbot.flows.slots.number_words import small

WEEKDAYS = {
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6, "mon": 0, "tue": 1,
    "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6,
}  # fmt: skip
MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8,
    "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
NTHS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
        "last": -1, "last but one": -2}  # fmt: skip
FEASTS = {
    "christmas eve": (12, 24), "xmas eve": (12, 24), "christmas day": (12, 25), "xmas day": (12, 25), "boxing day": (12, 26),
    "new year'?s eve": (12, 31), "new years eve": (12, 31), "new year'?s day": (1, 1), "valentine'?s(?: day)?": (2, 14),
    "halloween": (10, 31), "epiphany": (1, 6), "st\\.? patrick'?s day": (3, 17),
}  # fmt: skip
EASTER = {"palm sunday": -7, "maundy thursday": -3, "good friday": -2, "easter sunday": 0, "easter day": 0, "easter monday": 1}

N = f"(?P<n>a|an|{small(99, english=True)})"
# the ordinal with its ending, or the bare figure
TH = f"(?P<d>{'|'.join(sorted(ORDINAL_WORDS, key=len, reverse=True))}|[0-9]{{1,2}})(?:st|nd|rd|th)?"
NTH_DAY = f"(?P<d>{'|'.join(sorted(ORDINAL_WORDS, key=len, reverse=True))}|[0-9]{{1,2}}(?:st|nd|rd|th))"
W = rf"(?P<w>{'|'.join(WEEKDAYS)})\b\.?"
W2 = W.replace("P<w>", "P<w2>")
M = rf"(?P<m>{'|'.join(MONTHS)})\b\.?"
Y = r"(?:(?:,? |-| ?/ ?)(?:of )?(?P<y>20[0-9]{2}|this year|next year|last year)\b|,? '(?P<yy>[2-9][0-9]))?"
NTH = f"(?P<nth>{'|'.join(NTHS)})"
NEXT = "(?:next|the coming|coming|the following|following|upcoming)"
NOT_A_DAY = r"(?![:.,/-]?[0-9]| ?[ap]\.? ?m\b| ?o'?clock| (?:people|persons|days|weeks|hours)\b)"


def _wd(g: Groups) -> int:
    return WEEKDAYS[g.get("w") or g["w2"]]


def _month(g: Groups, today: days.Today) -> tuple[int, int]:
    return days.month_of(today, month(g, MONTHS), year(g, today))


def _day_month(g: Groups, today: days.Today) -> days.Days:
    return days.day_month(today, day_number(g), month(g, MONTHS), year(g, today))


def _day_alone(g: Groups, today: days.Today) -> days.Days:
    """ "the 3rd"; "the second" may as well be the second of something."""
    found = days.day_only(today, day_number(g))
    return replace(found, why="confirm") if g["d"] in ORDINAL_WORDS and found.is_sure else found


def _count(g: Groups) -> int:
    return 1 if g["n"] in ("a", "an") else number(g)


def _start(g: Groups, today: days.Today) -> days.Days:
    """Where "a week from" counts from."""
    if g["from"] in ("today", "now"):
        return days.add(today, 0)
    return days.tomorrow(today) if g["from"] == "tomorrow" else days.weekday(today, WEEKDAYS[g["from"]])


def _unit(g: Groups) -> int:
    return {"day": 1, "week": 7, "fortnight": 14}[g["unit"]]


def _ahead(g: Groups, today: days.Today, sign: int = 1) -> days.Days:
    """So many days, weeks, months or years ahead or ago."""
    unit = g["u"].rstrip("s'")
    if unit in ("month", "year"):
        return days.add_months(today, sign * _count(g) * (12 if unit == "year" else 1))
    return days.add(today, sign * _count(g) * {"day": 1, "week": 7, "fortnight": 14}[unit])


FROM = rf"(?P<from>today|now|tomorrow|{'|'.join(WEEKDAYS)})\b"
UNITS = r"(?P<u>days?|weeks?|fortnights?|months?|years?)'?"

RULES: tuple[Rule, ...] = (
    *feast_rules(FEASTS, EASTER, "(?:the )?", Y),
    # with a month
    Rule(rf"(?:the )?week of (?:the )?(?:{M} )?{TH}(?: (?:of )?{M})?", lambda _g, _t: days.vague()),
    Rule(
        rf"{W},? (?:the )?(?:{TH},? (?:of )?{M}|{M} (?:the )?{TH}){Y}",
        lambda g, t: days.on_weekday(t, _day_month(g, t), _wd(g)),
    ),
    Rule(rf"(?:the )?{TH}(?:,? (?:day )?(?:of )?|-){M}{Y}", _day_month),
    Rule(rf"{M}(?: (?:the )?|-){TH}\b(?![:.][0-9]| ?[ap]\.? ?m\b){Y}", _day_month),
    Rule(
        rf"(?:the )?{TH} (?:of )?(?:this month|the current month)",
        lambda g, t: days.day_of(*days.next_month(t, 0), day_number(g)),
    ),
    Rule(rf"(?:the )?{TH} (?:of )?(?:the )?{NEXT} month", lambda g, t: days.day_of(*days.next_month(t), day_number(g))),
    Rule(
        rf"(?:the )?{NTH} {W} (?:of|in) {M}{Y}",
        lambda g, t: days.not_over(t, days.nth_weekday(*_month(g, t), _wd(g), NTHS[g["nth"]])),
    ),
    Rule(
        rf"(?:the )?{NTH} {W} (?:of|in) {NEXT} month",
        lambda g, t: days.nth_weekday(*days.next_month(t), _wd(g), NTHS[g["nth"]]),
    ),
    Rule(
        rf"(?:the )?{NTH} {W} (?:of|in) (?:this|the) month",
        lambda g, t: days.not_over(t, days.nth_weekday(*days.next_month(t, 0), _wd(g), NTHS[g["nth"]])),
    ),
    Rule(rf"(?:the )?last day of {M}{Y}", lambda g, t: days.sure(days.last_day(*_month(g, t)))),
    Rule(rf"(?:the )?last day of {NEXT} month", lambda _g, t: days.sure(days.last_day(*days.next_month(t)))),
    Rule(r"(?:the )?last day of (?:this|the) month", lambda _g, t: days.sure(days.last_day(*days.next_month(t, 0)))),
    # counted from a day
    Rule(r"(?:the )?day after tomorrow|overmorrow", lambda _g, t: days.tomorrow(t, 2)),
    Rule(r"(?:the )?day before yesterday", lambda _g, t: days.add(t, -2)),
    Rule(
        rf"(?:a|one|1) (?P<unit>day|week|fortnight) (?:from|after|on) {FROM}", lambda g, t: days.after(_start(g, t), _unit(g))
    ),
    Rule(
        rf"{N} (?P<unit>day|week|fortnight)s (?:from|after|on) {FROM}",
        lambda g, t: days.after(_start(g, t), _unit(g) * _count(g)),
    ),
    Rule(
        rf"(?:a )?(?P<unit>week|fortnight) {FROM}|{FROM.replace('P<from>', 'P<f2>')} week",
        lambda g, t: days.after(_start({"from": g["from"] or g["f2"]}, t), 14 if g["unit"] == "fortnight" else 7),
    ),
    Rule(rf"{N} (?P<u>months?|years?) from (?:now|today)", _ahead),
    Rule(rf"in (?:exactly )?{N} {UNITS}(?: time|from now)?", _ahead),
    Rule(rf"{N} {UNITS} ago", lambda g, t: _ahead(g, t, -1)),
    Rule(rf"within {N} {UNITS}|(?:in )?{N} (?:working|business) days", lambda _g, _t: days.vague()),
    Rule(r"in (?:a few|some|several|a couple(?: of)?) (?:days|weeks|months)(?:'? time)?", lambda _g, _t: days.vague()),
    # a day of a week
    Rule(rf"(?:on )?{W},? (?:of )?{NEXT} week|{NEXT} week(?:,)?(?: on)? {W2}", lambda g, t: days.weekday_of_week(t, _wd(g), 1)),
    Rule(rf"(?:on )?{W},? (?:of )?this week|this week(?:,)?(?: on)? {W2}", lambda g, t: days.weekday_of_week(t, _wd(g), 0)),
    Rule(rf"{W},? (?:of )?last week|last week(?:,)?(?: on)? {W2}", lambda g, t: days.weekday_of_week(t, _wd(g), -1)),
    Rule(
        rf"(?:the )?(?:{W} after next|{W2} after(?: the)? (?:coming|next) one|other (?P<w>{'|'.join(WEEKDAYS)}))",
        lambda g, t: days.other_weekday(t, _wd(g)),
    ),
    Rule(rf"(?:on )?(?:this )?{NEXT} {W}(?! (?:the )?[0-9]{{1,2}}(?:st|nd|rd|th))", lambda g, t: days.next_weekday(t, _wd(g))),
    Rule(
        rf"(?:on )?the (?:last|previous) {W}",
        lambda g, t: days.last_weekday(t, _wd(g)) if t.back else replace(days.last_weekday(t, _wd(g)), why="confirm"),
    ),
    Rule(rf"(?:on )?(?:this )?(?:last|past|previous) {W}", lambda g, t: days.last_weekday(t, _wd(g))),
    Rule(rf"(?:on |this |{NEXT} )*{W},? (?:the )?{NTH_DAY}\b", lambda g, t: days.weekday_day(t, _wd(g), day_number(g))),
    Rule(rf"(?:the )?{W} (?:the )?(?P<d>[0-9]{{1,2}})\b{NOT_A_DAY}", lambda g, t: days.weekday_day(t, _wd(g), int(g["d"]))),
    Rule("(?:mon|tues|wednes|thurs|fri|satur|sun)days", lambda _g, _t: days.vague()),
    Rule(rf"(?:a|any|some|another) {W}", lambda g, t: replace(days.weekday(t, _wd(g)), why="which_day", open=True)),
    Rule(rf"(?:on |this (?:coming )?)?{W}", lambda g, t: days.weekday(t, _wd(g))),
    # counted from today
    Rule(r"tomorrow|tmrw|tmr|2moro|tomoz", lambda _g, t: days.tomorrow(t)),
    Rule(r"today|this (?:very )?(?:morning|afternoon|evening)|(?:right )?now", lambda _g, t: days.add(t, 0), keep_part=True),
    Rule(r"tonight|tonite", lambda _g, t: days.tonight(t), keep_part=True),
    Rule(r"yesterday|last night", lambda _g, t: days.add(t, -1)),
    # a day alone
    Rule(rf"(?:on )?(?:the )?{NTH_DAY}\b{NOT_A_DAY}(?! (?:one|option|choice))", _day_alone, loose=True),
    Rule(rf"the (?P<d>[0-9]{{1,2}})\b{NOT_A_DAY}", lambda g, t: days.day_only(t, int(g["d"])), loose=True),
    # too vague
    Rule(rf"(?:in )?{N} (?:or|to) {small(99, english=True)} (?:days|weeks|months)", lambda _g, _t: days.vague()),
    Rule(
        rf"(?:the )?(?:first|second|third|fourth|last) (?:week|half) of (?:{'|'.join(MONTHS)}|(?:{NEXT}|the|this) month)",
        lambda _g, _t: days.vague(),
    ),
    Rule(r"(?:the )?rest of the week", lambda _g, t: days.week(t, 0)),
    Rule(rf"(?:{'|'.join(m for m in MONTHS if len(m) > 4 and m != 'march')})", lambda _g, _t: days.vague(), loose=True),
    Rule(rf"{NEXT} week", lambda _g, t: days.week(t, 1)),
    Rule(r"(?:later )?this week|(?:on )?weekdays?|during the week", lambda _g, t: days.week(t, 0)),
    Rule(r"last week", lambda _g, t: days.week(t, -1)),
    Rule(rf"(?:at |on |over )?(?:the |this |(?P<nx>{NEXT}) )?weekend", lambda g, t: days.weekend(t, 1 if g["nx"] else 0)),
    Rule(r"(?:at |by )?(?:the )?end of (?:the|this) month", lambda _g, t: days.vague(days.last_day(*days.next_month(t, 0)))),
    Rule(
        rf"(?:at |by |in )?(?:the )?(?:end|beginning|start|middle|early|mid|late)[ -](?:of )?(?:{NEXT} |the "
        rf"|this )?(?:week|month|year|{'|'.join(MONTHS)})",
        lambda _g, _t: days.vague(),
    ),
    Rule(rf"(?:in|during|for) (?:{'|'.join(MONTHS)})\b|(?:{NEXT}|this) (?:month|year)", lambda _g, _t: days.vague()),
    Rule(r"(?:at |over |for )?(?:christmas|xmas)", lambda _g, t: days.ask("confirm", *days.day_month(t, 25, 12, None).options)),
    Rule(
        r"(?:at )?easter|(?:in )?(?:the )?(?:summer|autumn|winter|spring)|as soon as possible|asap|any ?day|any ?time"
        r"|whenever|soon|some ?day|one of these days|in the next few days|later",
        lambda _g, _t: days.vague(),
    ),
)

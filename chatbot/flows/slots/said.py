"""Days and hours said back in full, in words that are read again as the same."""

from __future__ import annotations

from datetime import date, datetime, time

from chatbot.reply import Language

WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS: dict[Language, tuple[str, ...]] = {
    "es": (
        "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
        "diciembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip


def say_day(day: date, language: Language) -> str:
    """ "viernes 27 de noviembre de 2026", "Friday 27 November 2026"."""
    weekday, month = WEEKDAYS[language][day.weekday()], MONTHS[language][day.month - 1]
    if language == "es":
        return f"{weekday} {day.day} de {month} de {day.year}"
    return f"{weekday} {day.day} {month} {day.year}"


def say_time(moment: time, language: Language) -> str:
    """ "17:00 (5 de la tarde)", "17:30 (5:30 pm)"."""
    hour = (moment.hour - 1) % 12 + 1
    short = f"{hour}:{moment.minute:02}" if moment.minute else str(hour)
    if language == "es":
        return f"{moment.hour}:{moment.minute:02} ({short} {_say_part(moment.hour)})"
    return f"{moment.hour}:{moment.minute:02} ({short} {'am' if moment.hour < 12 else 'pm'})"


def say_moment(moment: datetime, language: Language) -> str:
    """ "viernes 27 de noviembre de 2026 a las 17:00 (5 de la tarde)"."""
    at = ("a la " if moment.hour == 1 else "a las ") if language == "es" else "at "
    return f"{say_day(moment.date(), language)} {at}{say_time(moment.time(), language)}"


def _say_part(hour: int) -> str:
    if hour in (0, 24):
        return "de la noche"
    if hour < 6:
        return "de la madrugada"
    if hour < 12:
        return "de la mañana"
    if hour == 12:
        return "del mediodía"
    return "de la tarde" if hour < 21 else "de la noche"

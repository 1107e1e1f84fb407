"""Phrases about days in Spanish: a table of expressions over folded text, first come first served."""

from __future__ import annotations

from dataclasses import replace

from chatbot.flows.slots import days
from chatbot.flows.slots.day_table import Rule, day_number, feast_rules, month, number, year
from chatbot.flows.slots.number_words import ES_SMALL, read_words, small

WEEKDAYS = {
    "lunes": 0, "martes": 1, "miercoles": 2, "jueves": 3, "viernes": 4, "sabado": 5, "domingo": 6,
    "lun": 0, "mie": 2, "mier": 2, "jue": 3, "vie": 4, "sab": 5, "dom": 6,
}  # fmt: skip
MONTHS = {
    "enero": 1, "febrero": 2, "marzo": 3, "abril": 4, "mayo": 5, "junio": 6, "julio": 7, "agosto": 8, "septiembre": 9,
    "setiembre": 9, "octubre": 10, "noviembre": 11, "diciembre": 12, "ene": 1, "feb": 2, "mar": 3, "abr": 4, "may": 5,
    "jun": 6, "jul": 7, "ago": 8, "sep": 9, "sept": 9, "set": 9, "oct": 10, "nov": 11, "dic": 12,
}  # fmt: skip
ORDINALS = {
    "primer": 1,
    "primero": 1,
    "1er": 1,
    "segundo": 2,
    "tercer": 3,
    "tercero": 3,
    "cuarto": 4,
    "quinto": 5,
    "ultimo": -1,
    "penultimo": -2,
}
FEASTS = {
    "nochebuena": (12, 24), "noche buena": (12, 24), "dia de navidad": (12, 25), "nochevieja": (12, 31),
    "noche vieja": (12, 31),
    "fin de ano": (12, 31), "dia de ano nuevo": (1, 1), "ano nuevo": (1, 1), "dia de reyes": (1, 6), "reyes": (1, 6),
    "vispera de reyes": (1, 5), "noche de reyes": (1, 5), "vispera de navidad": (12, 24), "san valentin": (2, 14),
    "dia de los enamorados": (2, 14), "san jose": (3, 19), "dia del trabajador": (5, 1), "dia del trabajo": (5, 1),
    "noche de san juan": (6, 23), "dia de san juan": (6, 24), "dia de la hispanidad": (10, 12), "dia del pilar": (10, 12),
    "todos los santos": (11, 1), "dia de la constitucion": (12, 6), "la inmaculada": (12, 8), "halloween": (10, 31),
}  # fmt: skip
EASTER = {"domingo de ramos": -7, "jueves santo": -3, "viernes santo": -2, "sabado santo": -1, "domingo de pascua": 0,
          "domingo de resurreccion": 0, "lunes de pascua": 1}  # fmt: skip

MONTH_NUMBER = "|".join(ES_SMALL[1:13])
N = f"(?P<n>{small(99, english=False)})"
D = f"(?:proximo )?(?:dia )?(?P<d>{small(31, english=False)}|primero|1ero?)(?:\\.?[oa]\\b)?"
W = rf"(?P<w>{'|'.join(WEEKDAYS)})\b\.?"
M = rf"(?P<m>{'|'.join(MONTHS)})\b\.?"
Y = (
    rf"(?:(?:,? |-| ?/ ?| ?, ?)(?:(?:del? )?(?:ano )?(?P<y>(?:19|20)[0-9]{{2}}|dos mil {small(99, english=False)})\b"
    r"|(?:del?|el) (?P<y>este ano|ano que viene|proximo ano|ano proximo|ano pasado|presente ano|mismo ano)\b"
    r"|del? (?:ano )?'?(?P<yy>[2-9][0-9])\b(?![:.,]?[0-9]| ?h| a | y | euros)))?"
)
NEXT = "(?:que viene|q viene|que entra|proxim[oa]|siguiente|venider[oa])"
NEXT_MONTH = "(?:el )?(?:mes (?:que viene|q viene|que entra|proximo|siguiente)|proximo mes|siguiente mes)"
THIS_MONTH = "(?:este (?:mismo )?mes|mes actual|presente mes|corriente(?: mes)?|mes en curso|presente)"
NEXT_WEEK = f"(?:la )?(?:semana {NEXT}|{NEXT} semana)"
THIS_WEEK = "(?:esta (?:misma )?semana)"
NTH = f"(?P<nth>{'|'.join(ORDINALS)})"
PART = "(?:manana|tarde|noche|madrugada)"


def _wd(g: dict[str, str]) -> int:
    return WEEKDAYS[g["w"]]


def _last(g: dict[str, str], today: days.Today) -> days.Days:
    """ "el martes pasado"; "el último martes" may as well be the month's."""
    found = days.last_weekday(today, WEEKDAYS[g["w"] or g["w2"]])
    return replace(found, why=found.why or "confirm") if "ultimo" in g["all"] and not today.back else found


def _nth(g: dict[str, str]) -> int:
    return ORDINALS[g["nth"]]


def _month(g: dict[str, str], today: days.Today) -> tuple[int, int]:
    return days.month_of(today, month(g, MONTHS), year(g, today))


def _start(g: dict[str, str], today: days.Today) -> days.Days:
    """Where "en ocho" counts from."""
    if g["from"] == "hoy":
        return days.add(today, 0)
    return days.tomorrow(today) if g["from"] == "manana" else days.weekday(today, WEEKDAYS[g["from"]])


RULES: tuple[Rule, ...] = (
    *feast_rules(FEASTS, EASTER, "(?:el |la )?", Y),
    # with a month
    Rule(rf"(?:la )?(?:semana|quincena) del? (?:lunes )?{D}(?: de {M})?", lambda _g, _t: days.vague()),
    Rule(
        rf"(?:el )?{W},? (?:el )?{D}(?: de | )?(?:de )?{M}{Y}",
        lambda g, t: days.on_weekday(t, days.day_month(t, day_number(g), month(g, MONTHS), year(g, t)), _wd(g)),
    ),
    Rule(
        rf"(?:el )?{W},? (?:el )?{D} {M}{Y}",
        lambda g, t: days.on_weekday(t, days.day_month(t, day_number(g), month(g, MONTHS), year(g, t)), _wd(g)),
    ),
    Rule(
        rf"(?:el |al )?{D}(?: ?de(?:l mes de)? | |-| ?/ ?)?{M}{Y}",
        lambda g, t: days.day_month(t, day_number(g), month(g, MONTHS), year(g, t)),
    ),
    Rule(rf"(?:el )?{M} (?:el )?{D}{Y}", lambda g, t: days.day_month(t, day_number(g), month(g, MONTHS), year(g, t))),
    Rule(
        rf"(?:el )?{D} del? (?:mes )?(?P<mm>1[0-2]|0?[1-9]|{MONTH_NUMBER})\b(?![:.,/]?[0-9]| ?h| a )"
        rf"(?: del? (?P<y>20[0-9]{{2}}))?",
        lambda g, t: days.day_month(t, day_number(g), read_words(g["mm"]) or 0, year(g, t)),
    ),
    # a day of this month or the next
    Rule(rf"(?:el )?{D} del? {THIS_MONTH}", lambda g, t: days.day_of(*days.next_month(t, 0), day_number(g))),
    Rule(
        rf"(?:el )?{D} del? (?:mes pasado|mes anterior|pasado mes)",
        lambda g, t: days.day_of(*days.next_month(t, -1), day_number(g)),
    ),
    Rule(rf"(?:el )?{D} del? {NEXT_MONTH}", lambda g, t: days.day_of(*days.next_month(t), day_number(g))),
    Rule(
        rf"(?:el )?{D} del (?:que viene|que entra|proximo|siguiente)(?! mes| ano)",
        lambda g, t: days.day_of(*days.next_month(t), day_number(g)),
    ),
    Rule(rf"{NEXT_MONTH},? (?:el )?{D}(?! de)", lambda g, t: days.day_of(*days.next_month(t), day_number(g))),
    Rule(
        rf"(?:el )?{NTH} {W} del? (?:el )?(?:mes de )?{M}{Y}",
        lambda g, t: days.not_over(t, days.nth_weekday(*_month(g, t), _wd(g), _nth(g))),
    ),
    Rule(rf"(?:el )?{NTH} {W} del? {NEXT_MONTH}", lambda g, t: days.nth_weekday(*days.next_month(t), _wd(g), _nth(g))),
    Rule(
        rf"(?:el )?{NTH} {W} del? (?:{THIS_MONTH}|mes)",
        lambda g, t: days.not_over(t, days.nth_weekday(*days.next_month(t, 0), _wd(g), _nth(g))),
    ),
    Rule(rf"(?:el )?ultimo dia del? (?:mes de )?{M}{Y}", lambda g, t: days.sure(days.last_day(*_month(g, t)))),
    Rule(rf"(?:el )?ultimo dia del? {NEXT_MONTH}", lambda _g, t: days.sure(days.last_day(*days.next_month(t)))),
    Rule(
        rf"(?:el )?ultimo dia del? (?:{THIS_MONTH}|mes|ano)(?P<z>)?",
        lambda g, t: days.vague() if g["all"].endswith("ano") else days.sure(days.last_day(*days.next_month(t, 0))),
    ),
    Rule(
        rf"(?:el )?(?:primer dia|dia (?:primero|uno|1)|primero|uno|1) del? (?:{NEXT_MONTH}|mes)",
        lambda _g, t: days.day_of(*days.next_month(t), 1),
    ),
    # a day of a week
    Rule(
        rf"(?:(?:de|desde) )?(?:el |este )?(?P<from>hoy|manana|{'|'.join(WEEKDAYS)}) "
        rf"(?:en|a) (?P<k>ocho|quince|8|15)(?: dias)?",
        lambda g, t: days.after(_start(g, t), 7 if g["k"] in ("ocho", "8") else 14),
    ),
    Rule(rf"(?:el )?{W},? (?:de )?{NEXT_WEEK}", lambda g, t: days.weekday_of_week(t, _wd(g), 1)),
    Rule(rf"{NEXT_WEEK},? (?:el )?{W}(?! (?:{small(31, english=False)})\b)", lambda g, t: days.weekday_of_week(t, _wd(g), 1)),
    Rule(
        rf"(?:el )?{W},? de {THIS_WEEK}|{THIS_WEEK},? (?:el )?{W.replace('P<w>', 'P<w2>')}(?! {NEXT})",
        lambda g, t: days.weekday_of_week(t, WEEKDAYS[g["w"] or g["w2"]], 0),
    ),
    Rule(
        rf"(?:el )?{W} de (?:la )?(?:semana pasada|pasada semana|semana anterior)",
        lambda g, t: days.weekday_of_week(t, _wd(g), -1),
    ),
    Rule(rf"(?:el )?{W},? (?:de )?(?:dentro de|en) {N} semanas?", lambda g, t: days.weekday_of_week(t, _wd(g), number(g))),
    Rule(
        rf"(?:el |este )?(?:otro|segundo) {W}|(?:el )?{W.replace('P<w>', 'P<w2>')} (?:de la otra semana|no,? el (?:otro"
        rf"|siguiente)|siguiente al (?:proximo|que viene))",
        lambda g, t: days.other_weekday(t, WEEKDAYS[g["w"] or g["w2"]]),
    ),
    Rule(
        rf"(?:el |este )?{W} {NEXT}|(?:el |este )?{NEXT} (?P<w2>{'|'.join(WEEKDAYS)})\b(?! (?:que viene|dia|[0-9]))",
        lambda g, t: days.next_weekday(t, WEEKDAYS[g["w"] or g["w2"]]),
    ),
    Rule(
        rf"(?:el |este )?{W} (?:pasado|ultimo|anterior)\b(?! manana)|(?:el |este )?(?:pasado"
        rf"|ultimo) (?P<w2>{'|'.join(WEEKDAYS)})\b",
        _last,
    ),
    Rule(
        rf"(?:el |este |proximo )*{W},? (?:el |dia |el dia )?(?P<d>0?[1-9]|[12][0-9]|3[0-9])(?![:.,/]?[0-9]| ?h| ?am"
        rf"| ?pm| ?[ap]\.? ?m| (?:de|del|y|menos|en|personas|o|a)\b|-)",
        lambda g, t: days.weekday_day(t, _wd(g), int(g["d"])),
    ),
    Rule("sabados|domingos", lambda _g, _t: days.vague()),
    Rule(rf"(?:un|cualquier|algun|otro) {W}", lambda g, t: replace(days.weekday(t, _wd(g)), why="which_day", open=True)),
    Rule(rf"(?:el |este (?:mismo )?)?{W}", lambda g, t: days.weekday(t, _wd(g))),
    # counted from today
    Rule("(?:el )?pasa(?:do|o) ?manana", lambda _g, t: days.tomorrow(t, 2)),
    Rule(r"(?<=^\W*(?:(?:pues|mejor|para|vale|el) )?)pasado(?=\W*(?:$|por la |a las? ))", lambda _g, t: days.tomorrow(t, 2)),
    Rule(
        r"hoy(?: mismo| dia)?|est[ae] (?:misma |mismo )?(?:tarde|manana|mediodia)(?! que)|ahora(?: mismo)?|ya mismo",
        lambda _g, t: days.add(t, 0),
        keep_part=True,
    ),
    Rule(r"esta (?:misma )?noche", lambda _g, t: days.tonight(t), keep_part=True),
    Rule(r"antes de ayer|anteayer|antier|antes de anoche", lambda _g, t: days.add(t, -2)),
    Rule(r"ayer|anoche", lambda _g, t: days.add(t, -1)),
    Rule(
        r"(?<!\bla )(?<!\besta )(?<!\bde )(?<!\bpor )manana(?: mismo)?\b|(?<=\bde )manana(?= no paso)",
        lambda _g, t: days.tomorrow(t),
    ),
    Rule(r"(?<=para la )manana de manana", lambda _g, t: days.tomorrow(t)),
    Rule(
        r"(?:dentro de|en|de aqui a) (?:unos|un par de|algunos|varios|unas|algunas|varias) (?:(?:pocos"
        r"|pocas) )?(?:dias|semanas|meses)|(?:dentro de|en) (?:una )?semana y media",
        lambda _g, _t: days.vague(),
    ),
    Rule(rf"(?:dentro de|en|de aqui a) {N} dias?", lambda g, t: days.add_days(t, number(g))),
    Rule(
        rf"(?:dentro de|en|de aqui a) {N} semanas?(?: y media)?",
        lambda g, t: days.vague() if "media" in g["all"] else days.add(t, 7 * number(g)),
    ),
    Rule(
        rf"(?:dentro de|en|de aqui a) {N} mes(?:es)?(?: y medio)?",
        lambda g, t: days.vague() if "medio" in g["all"] else days.add_months(t, number(g)),
    ),
    Rule(
        rf"(?:dentro de|en|de aqui a) {N} anos?(?: y medio)?",
        lambda g, t: days.vague() if "medio" in g["all"] else days.add_months(t, 12 * number(g)),
    ),
    Rule(
        rf"hace {N} dias?",
        lambda g, t: days.add(t, -number(g)),
    ),
    Rule(rf"hace {N} semanas?", lambda g, t: days.add(t, -7 * number(g))),
    Rule(rf"hace {N} mes(?:es)?", lambda g, t: days.add_months(t, -number(g))),
    # a day alone
    Rule(
        r"(?:el dia|al dia|dia|el|del) (?P<d>"
        + small(31, english=False)
        + r"|[3-9][0-9]|primero)\b(?![:.,/-]?[0-9]| ?h\b| ?[ap]\.? ?m\b| (?:personas|euros|dias|semanas|horas|de la|y"
        r"|menos|por(?! la (?:manana|tarde|noche|madrugada)\b))\b)",
        lambda g, t: days.day_only(t, day_number(g)),
        loose=True,
    ),
    # too vague
    Rule(
        rf"(?:dentro de |en |unos |unas )?{N} (?:o|a|u) {small(99, english=False)} (?:dias|semanas|meses)",
        lambda _g, _t: days.vague(),
    ),
    Rule(
        rf"(?:en |a )?(?:la )?(?:primera|segunda|tercera|cuarta|ultima|mitad)(?: (?:semana|quincena))? del? (?:semana"
        rf"|{NEXT_MONTH}|{THIS_MONTH}|mes|ano|{'|'.join(MONTHS)})",
        lambda _g, _t: days.vague(),
    ),
    Rule(r"(?:lo que queda|resto) de (?:la )?semana", lambda _g, t: days.week(t, 0)),
    Rule(rf"(?:{'|'.join(m for m in MONTHS if len(m) > 4 or m == 'mayo')})", lambda _g, _t: days.vague(), loose=True),
    Rule(rf"{NEXT_WEEK}|la otra semana", lambda _g, t: days.week(t, 1)),
    Rule(rf"{THIS_WEEK}|entre semana", lambda _g, t: days.week(t, 0)),
    Rule(r"(?:la )?semana pasada", lambda _g, t: days.week(t, -1)),
    Rule(
        rf"(?:el |este |en |proximo )*(?:finde|fin de semana|fin de)\b(?! (?:mes|ano|{'|'.join(MONTHS)}))(?P<nx> {NEXT})?",
        lambda g, t: days.weekend(t, 1 if g["nx"] or "proxim" in g["all"] else 0),
    ),
    Rule(
        rf"(?:a |para )?(?:el |los )?(?:fin(?:al|ales|es)?|ultimos) (?:de|del|dias de|dias del) (?:{THIS_MONTH}|mes)",
        lambda _g, t: days.vague(days.last_day(*days.next_month(t, 0))),
    ),
    Rule(
        rf"(?:a )?(?:fin(?:al|ales|es)?|principios?|comienzos|primeros|mediados|inicios?|ultimos) (?:de|del|dias de"
        rf"|dias del) (?:{NEXT_MONTH}|{THIS_MONTH}|mes|ano|semana|{'|'.join(MONTHS)})(?: que viene)?",
        lambda _g, _t: days.vague(),
    ),
    Rule(
        rf"(?:en |para |durante )(?:el mes de )?(?:{'|'.join(MONTHS)})\b|{NEXT_MONTH}|{THIS_MONTH}|(?:el )?ano {NEXT}"
        rf"|(?:el )?proximo ano|este ano",
        lambda _g, _t: days.vague(),
    ),
    Rule(
        r"(?:en |por |para |las )*navidad(?:es)?", lambda _g, t: days.ask("confirm", *days.day_month(t, 25, 12, None).options)
    ),
    Rule(
        r"(?:en )?semana santa|(?:el )?puente(?: de \w+)?|(?:en )?(?:verano|otono|invierno|primavera)|(?:lo antes"
        r"|lo mas pronto|lo mas rapido) posible|cuanto antes"
        r"|cualquier dia|el dia que (?:sea|quieras|querais|podais|puedas)|cuando (?:sea|quieras|querais|puedas|podais"
        r"|pueda|puedan|quieran)|un dia de estos|estos dias|los proximos dias|proximamente|pronto|otro dia",
        lambda _g, _t: days.vague(),
    ),
)

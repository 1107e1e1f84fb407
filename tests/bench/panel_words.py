"""Spanish texts to search in: some words in every second sentence, most of them rare, as in a shop's inbox."""

from __future__ import annotations

import math
import random

COMMON = """
de la que el en y a los un se por las con una para no es al lo pedido hola como más me mi envío gracias cuándo ha hay este
esta días compra quiero puedo producto talla sin si su ya o pago llega está tengo dirección dónde factura hacer muy también
cambiar devolución correo buenas tardes número precio tarjeta tienda horario todavía semana color favor llegar saber otro
cuenta código descuento recibir talle hasta paquete desde entrega online disponible stock mismo gastos transporte domicilio
recogida plazo garantía roto pieza reembolso bolsa regalo caja mañana lunes viernes Madrid Barcelona Canarias Sevilla
Valencia Bilbao teléfono ayuda consulta problema error cobrado duda respuesta esperar urgente artículo catálogo medida
algodón lino madera azul blanco negro rojo verde gris pequeño grande nuevo viejo bueno malo entonces aunque porque mientras
antes después siempre nunca nadie alguien
"""
STEMS = """
zapat camis alfombr cortin lámpar sill mes colch almohad sábán toall cojín espej cuadr jarr vel maceter cest perch estant
cajon armari banc tabur hamac sombrill parasol butac sof manter servillet cubiert plat vas cop tetes caf sart oll tart horn
batid tosta never lavad sec planch aspir escob frego cub guant gorr bufand abrig chaquet pantalon fald vestid blus calcetin
bot sandal cinturon bols moch malet carter monedr relo collar puls anill pendient gaf sombrer pañuel corbat cuader lápic
plum libr revist juguet muñec puzl pelot bicicl patin cas tend moj sac dorm brúj lintern map guitarr tambor flaut pian aceit
jabon champ crem perfum colon peine
"""
ENDINGS = """
a o as os ita ito itas illo illa era ero eras eros ería azo ada ado adas ar aba aban aré ando amos aron able ables mente
ción oso osa osos dor dora dores ista ismo eza ura
"""
PREFIXES = ("", "re", "des", "sobre", "ante", "contra", "super", "mini")
SENTENCES = 60_000


def make_vocabulary() -> list[str]:
    """The commonest first; some 28,000 words."""
    rest = [p + s + e for p in PREFIXES for s in STEMS.split() for e in ENDINGS.split()]
    random.Random(7).shuffle(rest)
    return COMMON.split() + rest


def make_sentences(count: int = SENTENCES) -> list[str]:
    """Of 3 to 25 words, which are as frequent as Zipf's law has it."""
    chance, words = random.Random(11), make_vocabulary()
    weights, total = [], 0.0
    for rank in range(1, len(words) + 1):
        total += 1 / (rank + 2.7)
        weights.append(total)
    return [
        " ".join(chance.choices(words, cum_weights=weights, k=3 + int(min(chance.expovariate(0.11), 22)))).capitalize()
        for _ in range(count)
    ]


def pick_words(chance: random.Random, place: float) -> str:
    """A word whose rank is about this far down the list: 0 the commonest, 1 the rarest."""
    words = make_vocabulary()
    rank = int(math.exp(place * math.log(len(words) - 1)))
    return words[min(rank + chance.randrange(max(rank // 5, 1)), len(words) - 1)]

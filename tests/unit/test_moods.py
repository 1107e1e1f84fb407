"""What goes to people at once, and what only looks like it: sentences of both kinds in both languages."""

from __future__ import annotations

import pytest

from chatbot.moods import is_one_person, is_shouted, read_mood

ASKED_ES = """
Quiero hablar con una persona
quiero hablar con alguien
¿Puedo hablar con un agente?
¿Me pasas con un humano, por favor?
pásame con una persona
Páseme con un operador
Necesito hablar con un responsable
¿Podría hablar con alguien de atención al cliente?
me gustaría hablar con una persona real
hablar con un agente
agente
humano por favor
persona real
Quiero que me atienda una persona
prefiero hablar con alguien
no quiero hablar con un robot
No quiero seguir hablando con una máquina, pásame con alguien
¿Cómo puedo hablar con una persona?
quiero un humano
dame un agente humano
¿me puedes poner con el encargado?
Ponme con tu jefe
quisiera hablar con el gerente
comuníqueme con un asesor
Hola, buenas, ¿se puede hablar con una persona?
Exijo hablar con un responsable ahora mismo
¿hay alguna persona real con quien hablar?
Déjame hablar con alguien del equipo
Que me llame una persona, por favor
¿Puedes pasarme con un compañero?
necesito una persona de verdad
Esto no me ayuda. Quiero hablar con una persona.
Oye, ¿no hay nadie con quien pueda hablar?
puedes ponerme con una persona?
esto no me sirve, necesito una persona
Con un agente por favor
podrían pasarme con el departamento de ventas?
que me pasen con un supervisor
¿Me atiende un humano?
quiero que alguien me llame
¿Cómo hablo con un humano?
Necesito ayuda de una persona
Basta de robots, quiero una persona
buenas, querría hablar con alguien de la tienda
quiero hablar con el dueño
"""
UPSET_ES = """
Eres un inútil
sois unos ladrones
vaya mierda de servicio
Menuda vergüenza de empresa
gilipollas
Iros a la mierda
Que os den
estoy harto de esperar
Estoy hasta las narices de vosotros
ya te lo he dicho
Ya os lo he explicado tres veces
Te lo acabo de decir
¿Cuántas veces tengo que repetirlo?
es la tercera vez que os escribo
por enésima vez: ¿dónde está mi pedido?
Me estáis tomando el pelo
Esto es una tomadura de pelo
Me habéis estafado
no te enteras de nada
no me entiendes
bot inútil
puto bot
qué asco de atención
Pésimo servicio
la atención es lamentable, atención penosa
Estoy muy enfadada con vuestra tienda
os voy a denunciar
hijos de puta
Me cago en vuestra tienda
¡¡DÓNDE ESTÁ MI PEDIDO!!
QUIERO MI DINERO YA!
siempre me dices lo mismo
No sirves para nada
esto es inadmisible
pendejos
son unos incompetentes
vete a la mierda
Esto es una estafa
no me jodas
deja de repetir lo mismo
menudo desastre de tienda
sois una panda de sinvergüenzas
me tenéis harta
¿pero sois tontos o qué?
otra vez la misma respuesta
pinche bot no sirve
váyanse al diablo
no puede ser que me digas siempre lo mismo
no tenéis vergüenza
me parece una falta de respeto
estoy muy decepcionada con vosotros
¿me tomas por tonto?
cansado de repetir lo mismo
qué robot más tonto
nunca más compro aquí
"""
SENSITIVE_ES = """
quiero morirme
Me quiero morir
me voy a suicidar
estoy pensando en quitarme la vida
No quiero seguir viviendo
tengo ganas de suicidarme
he pensado en matarme
no merece la pena vivir
estaría mejor muerta
me he tomado un bote de pastillas
quiero acabar con mi vida
me corto los brazos
mi marido me pega
Mi novio me ha amenazado con un cuchillo
me han violado
soy víctima de violencia de género
os voy a matar
voy a quemar vuestra tienda
he puesto una bomba en la tienda
mi padre me maltrata
quiero hacerme daño
te voy a rajar
ya no quiero vivir
no aguanto más, quiero acabar con todo
mi pareja me ha pegado otra vez
como no me devolváis el dinero os voy a matar
voy a ir con una pistola
quiero tirarme por el balcón
mi padrastro abusa de mí
no quiero seguir con vida
"""
CALM_ES = """
¿Habláis con humanos?
no quiero hablar con nadie
¿Eres un bot?
¿eres una persona?
¿Hay alguien ahí?
¿A qué hora puedo hablar con un agente?
¿Qué horario tiene la atención al cliente?
Ayer hablé con una persona y me dijo que sí
acabo de hablar con un compañero vuestro
No hace falta que me pases con nadie
no necesito hablar con una persona, sólo saber el precio
¿Tengo que hablar con alguien para cancelar?
prefiero no hablar con nadie
¿Vendéis agentes limpiadores?
¿es para una persona o para dos?
¿Cuántas personas caben en la mesa?
Mesa para cuatro personas
el colchón es para una persona mayor
¿Puedo recoger el pedido de otra persona?
¿Con quién puedo hablar de alemán en vuestra academia?
me mata la espera, ¡qué ganas!
¡qué puta maravilla!
de puta madre, gracias
Me muero de ganas de que llegue
me quiero morir de la vergüenza, puse mal la dirección
Casi me muero de risa con vuestro anuncio
estos zapatos me van a matar
mi marido me va a matar si no llega a tiempo
quiero una pistola de silicona
¿Tenéis cuchillos de cocina?
¿Vendéis bombas de baño?
necesito una bomba de agua
¿Qué insecticida mata las hormigas?
voy a matar el tiempo en vuestra tienda
para matar el gusanillo
os voy a matar a besos, ha llegado perfecto
el color no me pega con el sofá
¿Me pega este vestido?
tengo el libro El idiota de Dostoievski
¿Tenéis disfraz de payaso?
soy idiota, puse mal la calle
qué tonta soy, ya lo he encontrado
perdona si es una pregunta estúpida
Es una pregunta tonta, pero ¿lleva pilas?
¿Vendéis ladrones de enchufe?
Estoy cansada de buscar, ¿qué colchón me recomiendas?
estoy harta de mi sofá viejo, quiero uno nuevo
¿Es una estafa esta web?
es la tercera vez que compro y siempre genial
por tercera vez me llevo este vino
ya os lo he enviado por correo
Os lo he pagado por Bizum
QUIERO SABER EL PRECIO DE LA MESA
HOLA BUENAS TARDES
¡Hola! ¡Qué ganas tengo de recibirlo!
me da vergüenza preguntarlo
Mi hija está enfadada con su hermana
¿La basura se recoge los lunes?
busco un cubo de basura
¿Tenéis la camiseta de Escuadrón Suicida?
¿Colaboráis contra la violencia de género?
no está mal, pero llega tarde
llevo dos semanas esperando mi pedido
¿Puedo poner una reclamación?
no vale para nada más que decorar, pero me encanta
el pedido llegó roto
no me ha llegado el correo
No me has entendido, pregunto por el azul
¿se lo has dicho al repartidor?
te lo agradezco mucho
mil gracias, te lo he dicho todo en el correo
¿cómo se limpia la mierda de paloma?
La vida no vale nada es mi canción favorita
Quiero desaparecer las manchas de la alfombra
corto el césped los domingos
¿cuánto tarda en hacerse el corte?
¿Puedo hablar con vosotros por WhatsApp?
¿El agente comercial pasa por Valencia?
¿Se puede morir la planta si la riego mucho?
quiero cortarme el pelo
quiero matar las malas hierbas
¿me podéis recomendar un libro sobre el suicidio?
quiero devolver el robot inútil que compré
¿Me lo repites, por favor?
Os lo he dicho en el correo de ayer: talla M
no entiendo nada de las instrucciones
¿Me puede llamar el transportista?
¿Quién es el responsable del tratamiento de datos?
quiero contactar con el repartidor
qué vergüenza, se me olvidó pagar
vaya tienda más bonita
menudo pedido he hecho, jaja
me han robado el paquete del portal
quiero poner fin a mi suscripción
estoy muerta de sueño
Repito: quiero dos, no tres
no estoy enfadado, tranquilo
no sois unos ladrones, al contrario
no quiero hablar con un agente
¡¡FELIZ NAVIDAD A TODOS!!
GRACIAS POR TODO!!!
estoy harta del calor, ¿tenéis ventiladores?
te voy a dejar una reseña buenísima
"""
ASKED_EN = """
I want to talk to a human
can I speak to someone please
Could I talk to a real person?
connect me to an agent
Transfer me to a representative
put me through to a manager
please get me a human
agent
live agent please
I need to speak with your manager
I'd like to talk to customer service
I don't want to talk to a bot
real person
let me speak to a supervisor
How can I talk to a person?
Is it possible to speak with somebody from the team?
give me a real person
talk to a human
I'd rather talk to a human
is there a real person I can talk to?
can you pass me to a colleague
escalate this to a manager
We need to talk to somebody about our order
I want a human agent
Can someone call me?
I need help from a real person
can a human help me with this?
transfer me
how do I reach a human?
get me someone
Could someone real answer me?
no more bots, human please
Put me in touch with your team
"""
UPSET_EN = """
You are useless
you're an idiot
fuck you
This is ridiculous
this is unacceptable
What a joke
your service is terrible
worst customer service ever
stupid bot
I'm fed up with waiting
I am so angry with you
I already told you
I've told you three times
how many times do I have to say it
for the third time, where is my order
You keep repeating the same thing
stop repeating yourself
you're not listening
I'm sick of this
you scammed me
This is a scam
bullshit
piece of shit
go to hell
WHERE IS MY ORDER!!
I WANT MY MONEY BACK!
you people are pathetic
shitty service
absolutely disgraceful service
I will sue you
that's not what I asked
useless chatbot
I'm furious
I just told you that
you guys are crooks
waste of time, this is pathetic
screw you
same answer again
are you stupid?
I've had enough of this
absolute joke of a company
never buying from you again, thieves
You don't understand me
this is so frustrating
what a useless reply
I'm really disappointed in your service
give me my money back you thieves
ridiculous service
this is the fourth time I ask
"""
SENSITIVE_EN = """
I want to die
I'm going to kill myself
i want to kill myself
I feel suicidal
I'm thinking about ending my life
I don't want to live anymore
there is no reason to live
I took a whole bottle of pills
everyone would be better off without me
I've been self harming
my husband beats me
My boyfriend hit me last night
I was raped
I'm a victim of domestic violence
I will kill you
I'm going to burn your shop down
there's a bomb in your store
I wish I was dead
I feel like ending it all
my dad abuses me
I am going to stab someone
I can't go on, I want to end it all
my husband threatened to kill me
he beats me every day
my partner abuses me
"""
CALM_EN = """
Do you talk to humans?
I don't want to talk to anyone
are you a bot?
Are you a human?
Is anybody there?
What time can I talk to an agent?
I spoke to an agent yesterday and she said yes
I just talked to someone from your team
no need to transfer me
Do I need to speak to someone to cancel?
Do you sell cleaning agents?
Is it for one person or two?
a table for four people please
It's for an elderly person
Can another person collect my order?
that's a killer deal
killer price, I'll take two
I'm dying to get it
the cake is to die for
I want to die of embarrassment, I typed the wrong address
these shoes are killing me
the wait is killing me
my husband is going to kill me if it isn't here by Friday
shoot me an email when it's ready
I'm going to shoot you an email
Do you have a glue gun?
do you sell kitchen knives
bath bombs please
Which spray kills ants?
killing time before my appointment
Suicide Squad poster
does it work with suicide doors?
fucking amazing, thank you
damn good coffee
holy shit this is beautiful
I'm an idiot, I typed the wrong address
sorry if this is a stupid question
dumb question: does it need batteries?
Have you got the book The Idiot?
a clown costume for a child
Is this a scam?
Is this site a scam or legit?
I'm tired of my old mattress, what do you recommend?
fed up with my old sofa, want a new one
it's the third time I buy here, love it
for the third time I'm buying this wine
I already paid
I already sent you the photo
WHAT IS THE PRICE OF THE TABLE
HELLO GOOD MORNING
Hello! So excited!
my daughter is angry with her sister
when is the rubbish collected?
I need a rubbish bin
do you sell trash bags
my brother beat me to it, is it still in stock?
I hit my head on the shelf
can I return it?
the order arrived broken
not bad at all
I've been waiting two weeks for my order
can I make a complaint?
you didn't understand me, I mean the blue one
thanks, you have told me everything
it's not useless at all
what's the worst case for delivery?
they are awesome
bloody mary mix please
Is the table a joke gift?
is the service terrible in August?
my kid is a terror, is the fabric sturdy?
how do I get rid of dog shit on the carpet
I could kill for that dress
can I cut it myself?
can I end my subscription?
the battery died
burn your own candle kit
Can I talk to you on WhatsApp?
will the plant die if I water it a lot?
I want to cut my hair
can you recommend a book about suicide?
I want to return the useless robot I bought
could you repeat the price?
I told you in yesterday's e-mail: size M
can the driver call me before arriving?
who is the manager of the shop?
my package was stolen from the porch
I'd like to end my subscription
I'm dead tired, goodnight
I'm not angry, don't worry
no need for a human, thanks
is it ridiculous to ask for gift wrap?
this lamp is stupidly good
I was furious at the courier but you were great
it keeps saying error 5
MERRY CHRISTMAS EVERYONE!!
THANK YOU SO MUCH!!!
it's a joke gift for my dad
the killer feature is the lamp
bloody hell that was fast
I'm sick today, can you come tomorrow?
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


GROUPS = {
    "asked": lines(ASKED_ES) + lines(ASKED_EN),
    "upset": lines(UPSET_ES) + lines(UPSET_EN),
    "sensitive": lines(SENSITIVE_ES) + lines(SENSITIVE_EN),
    None: lines(CALM_ES) + lines(CALM_EN),
}
CASES = [(text, mood) for mood, texts in GROUPS.items() for text in texts]


@pytest.mark.parametrize(("text", "mood"), CASES, ids=[text for text, _ in CASES])
def test_a_sentence_is_read_as_a_person_would(text: str, mood: str | None) -> None:
    assert read_mood(text) == mood


def test_there_are_enough_sentences_of_each_kind() -> None:
    spanish, english = (ASKED_ES, UPSET_ES, SENSITIVE_ES), (ASKED_EN, UPSET_EN, SENSITIVE_EN)
    assert min(sum(len(lines(part)) for part in parts) for parts in (spanish, english)) >= 60
    assert min(len(lines(CALM_ES)), len(lines(CALM_EN))) >= 60


def test_the_gravest_of_what_is_said_counts() -> None:
    assert read_mood("Sois unos inútiles. Quiero hablar con una persona.") == "asked"
    assert read_mood("Quiero hablar con una persona, me quiero morir") == "sensitive"


def test_capitals_need_marks_and_several_words() -> None:
    assert is_shouted("¿DÓNDE ESTÁ MI PEDIDO???")
    assert not is_shouted("OK!")
    assert not is_shouted("DÓNDE ESTÁ MI PEDIDO")
    assert not is_shouted("¿Dónde está mi pedido PX-1029-ABCDEF-GHIJK?!!")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Una persona", True),
        ("sólo una persona, gracias", True),
        ("somos 1 persona", True),
        ("una sola persona", True),
        ("just one person please", True),
        ("persona", False),
        ("una persona real", False),
        ("con una persona", False),
        ("quiero una persona", False),
        ("necesito hablar con una persona", False),
        ("one real person", False),
        ("a person", False),
        ("", False),
    ],
)
def test_how_many_come_is_told_from_who_is_wanted(text: str, is_one: bool) -> None:
    assert is_one_person(text) is is_one

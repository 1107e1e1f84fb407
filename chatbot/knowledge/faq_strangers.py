"""Questions that hardly any business's FAQ answers: what a customer may ask beside it, for calibrating."""

from __future__ import annotations

from chatbot.reply import Language

STRANGERS: dict[Language, tuple[str, ...]] = {
    "es": (
        "¿Qué tiempo va a hacer mañana en Sevilla?", "¿Quién ganó el partido de ayer?", "cuéntame un chiste de Jaimito",
        "¿Cuál es la capital de Mongolia?", "¿Cómo se hace una tortilla de patatas?", "¿A qué hora sale el tren a Zaragoza?",
        "estoy buscando piso de alquiler con terraza", "¿Qué película me recomiendas para esta noche?",
        "me he mareado en el autobús esta mañana", "¿Cuánto es el doble de ciento doce?", "mi vecino pone la música muy alta",
        "¿En qué año se hundió el Titanic?", "¿Quién pintó las Meninas?", "traduce al francés buenos días",
        "¿Qué significa soñar con agua?", "necesito un fontanero para un escape", "¿Cómo renuevo el carné de conducir?",
        "¿Cuándo empiezan las vacaciones escolares?", "se me ha muerto el gato", "¿Quién es el presidente de Chile?",
        "escríbeme un poema sobre el mar", "¿Qué me pasa si tengo fiebre y tos?", "¿Hay vida en Marte?",
        "¿Dónde puedo ver las elecciones en directo?", "he perdido las llaves del coche", "¿Cómo aprendo a tocar la guitarra?",
        "¿Sabes programar en Python?", "¿A cuánto está hoy el dólar?", "mañana tengo un examen de historia",
        "¿Qué hago si me ha picado una medusa?",
    ),
    "en": (
        "What will the weather be like in Leeds tomorrow?", "Who won last night's match?", "Tell me a joke about penguins",
        "What is the capital of Mongolia?", "How do I make pancakes?", "When does the train to Bristol leave?",
        "I'm looking for a flat with a balcony to rent", "Which film should I watch tonight?",
        "I felt dizzy on the bus this morning", "What is twice one hundred and twelve?", "My neighbour plays loud music",
        "In which year did the Titanic sink?", "Who painted the Mona Lisa?", "Translate good morning into French",
        "What does it mean to dream about water?", "I need a plumber for a leak", "How do I renew my driving licence?",
        "When do the school holidays start?", "My cat has died", "Who is the president of Chile?",
        "Write me a poem about the sea", "What should I do about a fever and a cough?", "Is there life on Mars?",
        "Where can I watch the election live?", "I've lost my car keys", "How can I learn to play the guitar?",
        "Can you write code in Python?", "What is the dollar worth today?", "I have a history exam tomorrow",
        "What helps against a jellyfish sting?",
    ),
}  # fmt: skip

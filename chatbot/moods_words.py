"""The words of moods.py: patterns over folded clauses that begin and end with a blank."""

from __future__ import annotations

import regex


def _all(*patterns: str) -> tuple[regex.Pattern[str], ...]:
    return tuple(regex.compile(pattern.replace("~", r"(?:\w+ ){0,2}")) for pattern in patterns)


# --- a person is wanted ------------------------------------------------------------------------------------------------
PERSON_ES = (
    r"(?:personas?|alguien|humanos?|ser humano|agentes?|operador[ae]?s?|asesor[ae]?s?|emplead[oa]s?|encargad[oa]s?"
    r"|responsables?|representantes?|companer[oa]s?|gerente|duen[oa]|jefe|jefa|comercial|atencion al cliente|soporte"
    r"|vuestro equipo|el equipo|departamento|supervisor[ae]?s?|recepcion|un tecnico|una tecnica|dependient[ae])"
)
PERSON_EN = (
    r"(?:humans?|humanbeing|person|persons|people|agents?|representatives?|reps?|someone|somebody|operators?|managers?"
    r"|supervisors?|staff|advisors?|advisers?|colleagues?|team|customer service|customer support|real one|support)"
)
TALK_ES = r"(?:hablar|conectar|chatear|charlar|conversar|contactar|comunicarme|comunicarnos|tratarlo|tratar|comentarlo)"
WANT_ES = (
    r"(?:quiero|queremos|querria|querriamos|quisiera|quisieramos|queria|queriamos|necesito|necesitamos|necesitaria"
    r"|me gustaria|nos gustaria|prefiero|preferiria|preferimos|deseo|deseamos|exijo|solicito|puedo|podria|podemos|podriamos"
    r"|se puede|es posible|hay (?:alguna )?(?:manera|forma|posibilidad) de|como (?:puedo|hago para|podria)|dejame|dejadme"
    r"|dejeme|dejenme|pido)"
)
WANT_EN = (
    r"(?:want|wanna|need|would like|d like|like|let me|let us|can i|could i|may i|can we|could we|please|prefer|rather"
    r"|how (?:can|do) i|is it possible to|is there (?:a|any) way to|i must|demand|able to|gonna need|going to need to)"
)
TALK_EN = r"(?:speak|talk|chat|get in touch|be put through|be connected|be transferred)"
WISHES = _all(
    # Spanish
    rf" {WANT_ES} (?:\w+ ){{0,3}}{TALK_ES} ~con (?:\w+ ){{0,2}}{PERSON_ES} ",
    rf"^ (?:por favor |hola |buenas |buenos dias |si |no )*{TALK_ES} con (?:\w+ ){{0,2}}{PERSON_ES} ",
    r" (?:pasame|pasadme|paseme|pasenme|ponme|ponedme|pongame|ponganme|conectame|transfiereme|transfierame|transfieranme"
    r"|comunicame|comuniqueme|comuniquenme|derivame|deriveme|me (?:puedes|podeis|puede|pueden|podrias|podrian"
    r"|podria) (?:pasar|poner|comunicar|transferir|derivar)|me (?:pasas|pones|pasa|pone|pasais|poneis|comunica|comunican)) "
    rf"~(?:con|a) (?:\w+ ){{0,2}}{PERSON_ES} ",
    rf" (?:pasarme|ponerme|comunicarme|transferirme|derivarme|conectarme) ~(?:con|a) (?:\w+ ){{0,2}}{PERSON_ES} ",
    rf" que me (?:atienda|atiendan|conteste|responda|llame|ayude|hable) (?:ya )?(?:por favor )?(?:una |un "
    rf"|algun )?{PERSON_ES} ",
    r" (?:quiero|necesito|prefiero|exijo|dame|deme|denme|dadme|busco|quisiera) (?:ya )?(?:a )?(?:un|una|algun"
    r"|alguna) (?:humano|persona(?: real| humana| de verdad| de carne y hueso)|ser humano|agente (?:humano|real)"
    r"|asesor humano|(?:agente|operador|operadora|asesor|asesora|persona|representante)(?= (?:por favor|ya|ahora|de verdad"
    r"|real|$)|  ?$)) ?",
    r"^ (?:hola |buenas |por favor )*(?:un |una )?(?:agente|humano|operador|operadora|asesor|asesora|persona real"
    r"|persona humana|persona|representante|atencion humana|ser humano)(?: por favor| ya| real| humano| humana)* $",
    r" no quiero (?:seguir )?(?:hablar|hablando|chatear|tratar) ~con (?:un |una |el |la |este |esta |ningun "
    r"|ninguna )?(?:bot|robot|maquina|ia|inteligencia artificial|contestador|ordenador|chatbot|programa)s? ",
    r" hay (?:ahi )?(?:alguna persona|alguien|algun humano|algun agente) (?:real|de verdad|humano|de carne y hueso"
    r"|con quien (?:pueda |poder )?hablar|que me (?:atienda|ayude|conteste)) ",
    r" (?:me|nos) (?:atiende|contesta|responde|atendera) (?:un|una|algun|alguna) (?:humano|persona|agente|ser humano) ",
    r" (?:quiero|necesito|pido|quisiera|exijo) que (?:alguien|una persona|un agente|un humano|un responsable"
    r"|un companero) me ",
    r" como (?:hablo|contacto|me comunico) con (?:un |una )?(?:humano|persona|alguien|agente|operador|operadora|asesor) ",
    r" (?:ayuda|respuesta) de (?:una|un) (?:persona|humano|agente) ",
    r" hay (?:nadie|alguien|algun humano|alguna persona) (?:ahi |aqui )?con quien ",
    rf" que me (?:pasen|pases|paseis|pongan|pongas|pongais|comuniquen|atendiera|llamara|respondiera"
    rf"|contestara) ~(?:con )?(?:\w+ ){{0,2}}{PERSON_ES} ",
    rf"^ (?:hola |buenas |por favor )*con (?:un |una |algun |el |la )?{PERSON_ES} (?:por favor )?$",
    r" (?:can|could|would|will) (?:someone|somebody|someone real|somebody real|a human|a person|an agent|a real person"
    r"|anyone real) (?:please )?(?:call|help|contact|speak|talk|ring|phone|assist|answer|take over) ",
    r" (?:help|answer|reply) from (?:a|an) (?:real |actual |live )*(?:person|human|agent) ",
    r" (?:transfer|connect|forward) me (?:please |now )*$",
    r" (?:reach|get hold of|contact|get to|get through to) (?:a|an) (?:real |live |actual )*(?:human|person|agent"
    r"|representative) ",
    # English
    rf" {WANT_EN} (?:\w+ ){{0,4}}{TALK_EN} (?:to|with) (?:\w+ ){{0,3}}{PERSON_EN} ",
    rf"^ (?:please |hi |hello |hey |ok |yes |no |just )*{TALK_EN} (?:to|with) (?:\w+ ){{0,3}}{PERSON_EN} ",
    r" (?:connect|transfer|put|pass|forward|escalate|hand|refer) (?:me|us|this|me over|it) ~(?:to|through to|with|over to"
    r"|on to) "
    rf"(?:\w+ ){{0,3}}{PERSON_EN} ",
    r" (?:get|give|find|fetch) me (?:a |an |some |the |your )?(?:\w+ )?(?:human(?: being)?|agent|representative|rep|operator"
    r"|manager|supervisor|real person|person|someone|somebody) ",
    r" (?:want|need|would like|d like|prefer) (?:a|an|some) (?:real |live |actual |human )*(?:human(?: being)?|(?<=real "
    r"|live |actual |human )(?:person|agent|representative|rep|operator|one)|(?:agent|representative|operator)(?= (?:please"
    r"|now|$)| ?$)) ?",
    r"^ (?:please |hi |hello |a |an )*(?:agent|human|representative|operator|real person|live agent|live chat|live person"
    r"|human being|real human|human agent|customer service|speak to agent|talk to agent|speak to human"
    r"|talk to human)(?: please| now)* $",
    r" (?:don t|do not|dont|not) (?:want|wish|like) to (?:be )?(?:talk|speak|chat|talking|speaking|chatting|deal) (?:to"
    r"|with) (?:a |an |the |this |any |some )?(?:stupid )?(?:bot|robot|machine|ai|computer|chatbot|program)s? ",
    r" is there (?:a|any|an actual) (?:real person|human|real human|live agent|person) (?:i can|who can|to) ",
)
NO_WISH = _all(
    # Spanish: refused, told, or asked about
    r" (?:no (?:quiero|queremos|quisiera|necesito|necesitamos|hace falta|me gusta|me gustaria|hay que|deseo|puedo|me)"
    r"|prefiero no|sin (?:tener que|necesidad de)?|evitar|odio|en vez de|en lugar de|antes de|despues de|acabo de"
    r"|acabamos de|tras|vengo de|tengo que|hay que|hace falta) ~(?:seguir )?(?:hablar|hablando|chatear|contactar|tratar"
    r"|pasar|pases|paseis|pasen|pase|un agente|una persona|un humano)(?! con (?:un|una|el|la|este|esta|ningun"
    r"|ninguna)? ?(?:bot|robot|maquina|ia|contestador|chatbot))| no me (?:pases|paseis|pase|pasen|pongas|ponga|transfieras"
    r"|transfiera) | (?:cuando|a que hora|que horario|horario|que telefono|cuanto (?:cuesta|vale|tarda)) | con nadie "
    # English
    r"| (?:don t|do not|dont|didn t|never|not|no need to|without|rather not|instead of|before|after|avoid|hate|just"
    r"|already) (?:\w+ )?(?:want to |need to |having to |have to |wish to |like to )?(?:speak|speaking|talk|talking|chat"
    r"|chatting|spoke|talked|transfer|connect|put|an agent|a human)(?! (?:to|with) (?:a|an|the|this|any"
    r"|some)? ?(?:stupid )?(?:bot|robot|machine|ai|computer|chatbot))| (?:do|must|should) i (?:need|have) to | (?:what time"
    r"|when|what hours|opening hours) | anyone | anybody | nobody "
)[0]

# said of how many come, and not of who is wanted
ONE_PERSON = regex.compile(
    r" (?:(?:pues|si|solo|solamente|unicamente|nada mas|somos|soy|seremos|seria|sera|es|para|yo|voy|vengo|ire|vendre"
    r"|vamos|iremos|just|only|it s|it is|there s|there is|there will be|we are|i m|for|me|yes|a) )*"
    r"(?:una|1|one|single)(?: (?:sola|solo|unica|single))? persona?"
    r"(?: (?:sola|solo|solamente|nada mas|no mas|yo|conmigo|only|alone|me|just|por favor|please|gracias|thanks|thank you))* "
)

# --- anger -------------------------------------------------------------------------------------------------------------
PLEASED = regex.compile(
    r" (?:maravill\w+|de puta madre|genial(?:es)?|me encant\w+|nos encant\w+|encantad[oa]s?|perfect[oa]s?|buenisim[oa]s?"
    r"|buenisimos|increible(?:s)? (?:servicio|atencion|calidad)|que (?:guap|bonit|chul|rapid|buen|ric|preci)\w+|preciosidad"
    r"|preciosas?|preciosos?|me flipan?|me mola|pasada|gozada|brutal(?:es)?|felicidades|enhorabuena|gracias por todo"
    r"|muy content[oa]s?|amazing|awesome|brilliant|love (?:it|this|them|your|the)|loved|great (?:job|service|work|stuff)"
    r"|excellent|fantastic|beautiful|gorgeous|delighted|damn (?:good|nice|fine)|no worries|impressed|perfect|legend"
    r"|thank you so much) "
)
THING_ES = (
    r"(?:servicio|atencion|tienda|empresa|bot|robot|chatbot|web|pagina|aplicacion|app|chat|contestador|maquina|marca|negocio"
    r"|pedido|producto|gente|respuesta|asistente)s?"
)
THING_EN = (
    r"(?:service|customer service|support|company|shop|store|bot|robot|chatbot|machine|website|site|app|experience|assistant"
    r"|response|answer|reply|ai|brand|business)s?"
)
INSULT_ES = (
    r"(?:gilipollas|imbecil(?:es)?|idiotas?|estupid[oa]s?|inutil(?:es)?|subnormal(?:es)?|capull[oa]s?|tont[oa]s?|payas[oa]s?"
    r"|sinverguenzas?|ladron(?:es)?|estafador(?:es|as?)?|timador(?:es)?|mentiros[oa]s?|incompetentes?|patetic[oa]s?|basura"
    r"|mierdas?|cabron(?:es)?|desgraciad[oa]s?|pendej[oa]s?|boludos?|pelotudos?|asquerosos?|impresentables?|caraduras?"
    r"|perdida de tiempo|mal[oa]s? bot|terribles?|horribles?|inutilidad|mafia|chorizos|delincuentes|lo peor|verguenza"
    r"|desastre|inutiles)"
)
INSULT_EN = (
    r"(?:useless|stupid|idiots?|an idiot|pathetic|garbage|trash|crooks?|thieves|thief|scammers?|a scam|incompetent|dumb"
    r"|worthless|morons?|liars?|a liar|a disgrace|a joke|terrible|horrible|awful|disgusting|clowns?|the worst|rubbish|crap)"
)
TOLD_EN = r"(?:told|said|explained|answered|asked)"
TIMES_EN = r"(?:third|fourth|fifth|sixth|tenth|hundredth|thousandth|umpteenth|millionth)"
# the pattern, and whether a question counts too
ANGRY = tuple(
    (regex.compile(pattern.replace("~", r"(?:\w+ ){0,2}")), of_questions)
    for pattern, of_questions in (
        # Spanish: said to us
        (rf"(?<! no) (?:eres|sois|es usted|son ustedes|son) (?:un |una |unos |unas |muy |mas |tan "
         rf"|todos )*{INSULT_ES} ", True),
        (rf" (?:panda|pandilla|banda|hatajo|atajo|punado|manada|grupo) de {INSULT_ES} ", True),
        (rf" (?:(?:vaya|menuda) (?:inutilidad|birria) de|pinche|puto|puta|maldit[oa]|jodid[oa]"
         rf"|dichoso) (?:\w+ )?{THING_ES} ", True),
        (r" (?:vaya|menud[oa]) (?:mierda de )?(?:servicio|atencion|empresa|bot|robot|chatbot|chat) $", True),
        (rf" {THING_ES} (?:de mierda|de los cojones|inutil(?:es)?|estupid[oa]s?|idiotas?|pesim[oa]s?|penos[oa]s?|lamentables?"
         r"|horribles?|de risa|patetic[oa]s?|vergonzos[oa]s?|nefast[oa]s?|asquerosos?) (?!que )", True),
        (rf" (?:mierda|basura|asco|porqueria|desastre|verguenza) de {THING_ES} ", True),
        (rf" (?:pesim[oa]|penos[oa]|lamentable|nefast[oa]|horrible|vergonzos[oa]|peor) (?:el |la |su |vuestro "
         rf"|vuestra )?{THING_ES} ",
         False),
        (r"^ (?:hola )?(?:gilipollas|imbecil(?:es)?|idiotas?|subnormal(?:es)?|inutil(?:es)?|cabron(?:es)?|hdp|hijos? de puta"
         r"|hijueputas?|pendejos?|pelotudos?|boludos?|ladrones|estafadores|sinverguenzas|mentirosos|payasos) $", True),
        (r" (?:hijos? de (?:la gran )?puta|hijueputas?|malparidos?|hdp|la puta que (?:te|os|los) pario|concha de tu) ", True),
        (r" (?:vete|iros|idos|vayanse|vayase|andate|anda|que te vayas|que os vayais) (?:todos )?a (?:la mierda"
         r"|tomar por culo|la porra|cagar|freir esparragos|paseo) ", True),
        (r" (?:a tomar por (?:el )?culo|al carajo con|chinga(?:te| tu| a tu)|que (?:te|os) (?:den|follen|jodan)|no me jodas?"
         r"|no me jodais|me cago en|no me toques los (?:cojones|huevos)) ", True),
        (r"(?<! ni) (?:que|vaya|menuda|una|puta|pura|esta|vuestra) (?:puta |autentica |autentico |completa )?(?:mierda"
         r"|porqueria|basura|estafa|tomadura de pelo|desfachatez) ", False),
        (r" (?:es|son|esto es|me parece) (?:una |un )?(?:autentic[oa] |puta |puto |completa |total )?(?:verguenza"
         r"|tomadura de pelo|inadmisible|intolerable|inaceptable|vergonzoso|indignante|un robo|robo|timo|estafa|mierda"
         r"|basura|asco|cachondeo|desproposito|insulto) ", False),
        (r" me (?:estais|estan|estas|esta) (?:tomando el pelo|vacilando|toreando|mareando|timando|robando|mintiendo"
         r"|ignorando|jodiendo) ", True),
        (r" me (?:haces|haceis|estais haciendo|estas haciendo) (?:perder el tiempo|enfadar) | me (?:estoy|estais|estas|has"
         r"|habeis|voy a) (?:cabre\w+|enfad\w+|enoj\w+|poniendo (?:furioso|furiosa|de los nervios)) | (?:me habeis (?:timado"
         r"|estafado|robado|enganado|mentido|tomado el pelo|colgado|ignorado)|me han (?:timado|estafado)) ", False),
        (r"(?<! no) (?:estoy|estamos) (?:ya |muy |mas que |realmente |bastante |completamente )*(?:hasta (?:las narices"
         r"|los huevos|los cojones|el mono|la coronilla|las pelotas|el gorro|aqui)|indignad[oa]s?|furios[oa]s?|cabread[oa]s?"
         r"|enfadad[oa]s?|enojad[oa]s?|encabronad[oa]s?|mosquead[oa]s?|(?:hart|cansad|frustrad)[oa]s?(?: ya)?(?= $"
         r"| (?:de (?:esperar|repetir|que|vosotros|ustedes|este|esto|esta|tant[oa]|vuestr\w+|sus?|tener que|llamar|escribir"
         r"|explicar|insistir|reclamar)|con (?:vosotros|ustedes|este|esta|esto|el servicio|la atencion|vuestr\w+))))", True),
        (r" no (?:sirves?|vales?|servis|valeis|sirven|valen) (?:absolutamente )?(?:para|pa) nada ", False),
        (r" me (?:teneis|tienen|tienes) (?:ya )?(?:hart[oa]s?|hasta) ", True),
        (r" (?:otra vez la misma (?:respuesta|historia|cancion)|la misma respuesta otra vez|me (?:digas|dices|dicen"
         r"|respondes|contestas|respondas) siempre lo mismo|no vuelvo a (?:comprar|pedir) (?:aqui|nada|con vosotros)|(?:vete"
         r"|iros|idos|vayanse|vayase|andate) al (?:diablo|carajo|infierno)) ", True),
        (r" (?:es (?:una |de )(?:total |autentica )?verguenza|que verguenza (?:de|con|dais|dan|me dais)"
         r"|no teneis (?:ni )?(?:verguenza|idea)|(?:una|vaya|menuda) falta de respeto|decepcionad[oa]s? con (?:vosotros"
         r"|ustedes|el servicio|la atencion|vuestr\w+)|nunca mas (?:compro|comprare|vuelvo|volvere|pido)) ", False),
        (r"^ (?:ya )?(?:hart|cansad)[oa]s? de (?:esperar|repetir|que|vosotros|ustedes|tener que|llamar|escribir|explicar"
         r"|insistir) ", True),
        (rf" que {THING_ES} (?:tan|mas) (?:mal[oa]|tont[oa]|inutil|penos[oa]|lent[oa]|estupid[oa]|pesim[oa]) ", False),
        (r" (?:no vale|no vales|no valeis) (?:ni )?una mierda ", True),
        (r" (?:no (?:me )?(?:entiendes|entendeis|entienden)(?: nada| una mierda)? $|no (?:te|os|se) enter(?:as|ais|an)"
         r"|no (?:me )?(?:entiendes|entendeis|escuchas|escuchais|lees|leeis) (?:nada|lo que))", True),
        (r" ya (?:te|os|se) lo (?:he|hemos|habia) (?:dicho|explicado|repetido|preguntado|contado) (?!gracias|todo )", True),
        (r"(?<! no) (?:te|os|se) lo (?:he|hemos|habia) (?:ya )?(?:dicho|explicado|repetido|preguntado|contado) (?:$|ya |mil "
         r"|dos |tres|varias |muchas |cien |antes |\w+ veces)", True),
        (r" (?:ya )?(?:te|os|se) lo (?:dije|acabo de decir|acabo de explicar|vuelvo a (?:decir|repetir|preguntar)"
         r"|repito) ", True),
        (r" ya (?:te|os|les|le) (?:he dicho|dije|lo dije) que ", True),
        (r" (?:cuantas veces (?:mas )?(?:tengo que|hay que|he de|te lo|os lo|se lo|te|os) (?:lo )?(?:tengo que |hay que "
         r"|he )?(?:repe|dec|dicho|expli|ped|pregunt|escrib|llam)\w+|mil veces|otra vez lo mismo|siempre (?:me )?(?:dices"
         r"|decis|dicen|respondes|respondeis|contestas) lo mismo|deja(?:d|te)? de repetir|no me repitas|te repites"
         r"|eso ya me lo has dicho|(?:eso|esto) no es lo que (?:te )?(?:he|estoy) pregunta\w+)", True),
        (r" (?:por|es la) (?:tercera|cuarta|quinta|sexta|decima|enesima) vez (?:que )?(?:$|os |te |les |le |se lo |pregunto"
         r"|escribo|llamo|reclamo|digo|explico|repito|contacto|donde |cuando |por que |que pasa |me (?:pasa|dej\w+"
         r"|contest\w+|respond\w+|ignor\w+|lleg\w+ (?:mal|rot|tarde)))", True),
        (r" (?:os voy a|voy a|les voy a|los voy a) (?:denunciar|demandar|denunciaros|denunciarles|demandaros) ", True),
        (r" (?:os|les|los) (?:denunciare|demandare|vere en los tribunales) ", True),
        # English: said to us
        (rf"(?<! no) (?:you|u|you guys|you people|you all|you lot|they) (?:are|re|r|ve been"
         rf"|have been) (?:\w+ ){{0,3}}{INSULT_EN} ", False),
        (rf" (?:this|your|that|the) (?:\w+ ){{0,2}}{THING_EN} (?:is|are|was|has been) (?:\w+ ){{0,2}}(?:{INSULT_EN}|shit"
         rf"|bullshit) ", False),
        (rf" (?:stupid|useless|ridiculous|dumb|idiotic|fucking|bloody|damn|goddamn|shit|shitty|crappy|crap|terrible|awful"
         rf"|appalling|horrible|disgraceful|pathetic|worst|lousy|atrocious|horrendous) (?:\w+ )?{THING_EN} (?!(?:i|we|that"
         rf"|which) )", False),
        (r" (?:fuck (?:you|off|this|your)|go to hell|screw you|piss off|son of a bitch|sons of bitches|motherfuckers?"
         r"|dickheads?|wankers?|assholes|arseholes|you (?:asshole|arsehole|bastards?|bitch|morons?|idiots?|cunts?|twats?"
         r"|prick)|cunts?|pieces? of shit|bullshit|wtf is wrong with you|what the (?:fuck|hell) is wrong with|shut up"
         r"|stfu) ", True),
        (r"^ (?:asshole|arsehole|idiots?|morons?|scammers|thieves|liars|crooks|bastards?|bitch) $", True),
        (r" what a (?:\w+ )?(?:joke|disgrace|scam|rip off|waste of (?:time|money)|shambles|load of (?:crap|rubbish|bull"
         r"|nonsense)) ", True),
        (r" (?:this|that|it) (?:is|s|was) (?:\w+ ){0,2}(?:a joke(?! gift| present| product| book)|ridiculous|unacceptable"
         r"|outrageous|a disgrace|disgraceful|pathetic|absurd|bullshit|a scam|a rip off|disgusting|infuriating|appalling"
         r"|beyond a joke|shit|a waste of (?:my )?time|not good enough) ", False),
        (r" i (?:am|m|ve been|have been) (?:(?!not )\w+ ){0,2}(?:fed up|furious|livid|outraged|pissed off|disgusted|enraged"
         r"|so angry|very angry|really angry|sick and tired|(?:angry|frustrated|annoyed)(?= $)|(?:sick|tired|angry"
         r"|frustrated|annoyed|done)(?= (?:of (?:you|this|your|waiting|repeating|having|being|explaining|asking|calling"
         r"|these|all)|with (?:you|this|your|the service)|at (?:you|your|this)))) (?!with my|of my|at my"
         r"|with the mattress)", False),
        (rf"(?<! be) (?:i|we) (?:have |ve |had |just )*(?:already|just) {TOLD_EN} (?:you|that|this|it) ", True),
        (rf" (?:i|we) (?:have |ve )?(?:{TOLD_EN}) (?:you )?(?:this |that |it )?(?:already|a (?:hundred|thousand"
         rf"|million) times"
         r"|(?:three|four|five|six|ten|several|many|so many|multiple|countless) times) ", True),
        (r" disappointed (?:in|with|by) (?:you|your) ", False),
        (r" you (?:thieves|crooks|scammers|liars|clowns|thief) ", True),
        (r" me tom(?:as|ais|an) por (?:tont|idiot|imbecil)\w* ", True),
        (r" are you (?:\w+ )?(?:stupid|an idiot|idiots|dumb|deaf|blind|retarded|kidding me|joking|taking the piss) ", True),
        (r" (?:had enough of (?:this|you|your)|enough is enough|(?:absolute|complete|total|utter) (?:joke|disgrace|shambles)"
         r"|so frustrating|you (?:don t|do not|dont) understand me|never (?:buying|shopping|ordering) (?:from you|here"
         r"|with you) (?:again|anymore)) ", True),
        (r" how many (?:more )?times (?:do i|must i|have i|should i|will i|am i) ", True),
        (rf" for the {TIMES_EN} (?:time|bloody time|damn time) (?:$|(?:i am |i m |i have |i ve |i |we )?(?:ask|tell|told"
         rf"|writ|call|say|said|now |today |where |when |why |what )\w*)",
         True),
        (rf" (?:this is|it s|it is) the {TIMES_EN} time (?:i|we|that|you) (?:am |m |have |ve |i |had |ask|call|writ"
         rf"|tell)", True),
        (r" you (?:just )?keep (?:on )?(?:saying|repeating|sending|giving|telling|asking) ", True),
        (r" (?:stop repeating|same (?:bloody |damn |stupid )?answer (?:again|every|over)|not listening"
         r"|are you even (?:listening|reading)|you (?:don t|do not|dont|never) (?:listen|understand anything|get it)"
         r"|that s not what i asked|that is not what i asked) ?", True),
        (r" (?:you|they|u) (?:have |ve )?(?:scammed|ripped|robbed|lied to|cheated|stole from|conned) (?:me|us|off) ", False),
        (r" (?:ripped me off|see you in court|i (?:will|ll|am going to|m going to) (?:sue|report) (?:you|your)"
         r"|suing you) ", True),
    )
)  # fmt: skip

# --- a danger to somebody ----------------------------------------------------------------------------------------------
NEAR_ES = (
    r"(?:marido|mujer|novi[oa]|pareja|padre|madre|padrastro|madrastra|hij[oa]|ex|jefe|jefa|hermano|tio|abuelo|vecino"
    r"|espos[oa])"
)
NEAR_EN = (
    r"(?:husband|wife|boyfriend|girlfriend|partner|ex|father|mother|dad|mum|mom|stepfather|stepdad|stepmother|son|brother"
    r"|boss|uncle|roommate|neighbou?r)"
)
# figures of speech, taken out before anything is looked for
HARMLESS = regex.compile(
    r" (?:(?:me )?(?:quiero|voy a|iba a|podria|puedo) (?:morir(?:me)?|matar(?:me)?)|(?:ganas de )morir(?:me)?) de (?:la |lo "
    r"|tanta |el |tanto )?(?:verguenza|risa|ganas|amor|gusto|hambre|sueno|calor|frio|envidia|felicidad|emocion|pena|bonit\w+"
    r"|ternura|aburrimiento|asco|sed|vieja|viejo)(?= )| (?:os|te|los|les|le) voy a matar a (?:besos|abrazos|cosquillas)(?= )"
    r"| voy a matar (?:el|la|al|dos|unas?|unos) \w+(?= )| (?:want|going|gonna|wanna) (?:to )?die (?:of|from|for|laughing"
    r"|inside)(?= )| shoot (?:you|us|me|him|her) (?:a|an|over)(?= )| kill (?:you|me|us) (?:with kindness|to)(?= )"
    r"| (?:suicide (?:squad|doors?|prevention)|escuadron suicida)(?= )| beat me (?:to|at|in)(?= )"
)
END_ES = (
    r"(?:morir|morirme|matarme|suicidarme|quitarme la vida|acabar con todo|acabar con mi vida|dejar de vivir"
    r"|dejar de existir|desaparecer del mundo|hacerme dano)"
)
END_EN = (
    r"(?:kill(?:ing)? myself|dy?i(?:e|ng)|end(?:ing)? (?:it all|my life|my own life)|commit(?:ting)? suicide|suicide"
    r"|hurt(?:ing)? myself|harm(?:ing)? myself|cut(?:ting)? myself|tak(?:e|ing) my (?:own )?life|jump(?:ing)? off (?:a"
    r"|the) (?:bridge|roof|building))"
)
DANGEROUS = _all(
    # Spanish: oneself
    rf" (?:quiero|quisiera|deseo|pienso en|pensando en|pensado en|pienso|ganas de|idea de|decidido|intentado|intentar|planeo"
    rf"|plan de) ~{END_ES} ",
    r" (?:me (?:quiero|voy a|quisiera|intente|he intentado|intento) (?:morir|matar|suicidar|quitar la vida|quitarme la vida"
    r"|tirar por|tirar al|cortar las venas|hacer dano)) ",
    r" (?:suicidarme|quitarme la vida|cortarme las venas|me autolesiono|autolesionarme|me hago cortes|me corto (?:los brazos"
    r"|las venas|las munecas)|poner fin a mi vida|acabar con mi vida|terminar con mi vida) ",
    r" no (?:quiero|puedo) (?:seguir )?(?:con vida|vivir|viviendo|estar viv[oa])(?: (?:mas|asi|ya))* (?=$)",
    r" no (?:quiero) (?:seguir viviendo|vivir mas|estar aqui mas|existir) ",
    r" (?:no (?:merece|vale) la pena (?:seguir )?viv\w+|mi vida no (?:tiene sentido|vale nada)|(?:estaria"
    r"|estarian) mejor (?:muert[oa]|sin mi)|estaria mejor si (?:yo )?no existiera|pensamientos suicidas|ideas suicidas"
    r"|no encuentro motivos para vivir) ",
    r" (?:me he tomado|me tome|acabo de tomarme) (?:un (?:bote|monton)|todas|muchas|todo el bote"
    r"|una caja) (?:de )?(?:las )?(?:pastillas|medicinas|somniferos)",
    # Spanish: by others, to others
    rf" (?:mi|el|mi ex) (?:ex )?{NEAR_ES} (?:\w+ ){{0,3}}(?:me|nos|la|le) (?:ha |esta |va a |sigue |quiere )?(?:pega|pego"
    rf"|pegado|pegando|pegar"
    r"|maltrata|maltratando|maltratado|golpea|golpeado|golpeando|amenaza|amenazado|amenazando|agrede|agredido|viola|violo"
    r"|violado|encierra|encerrado|abusa|abusado)(?! con el|l?mente) (?!un susto|bien)",
    r" (?:me (?:han|ha) (?:violado|agredido|apunalado|disparado|amenazado de muerte|dado una paliza)|me violaron"
    r"|me estan pegando|me esta pegando|amenaza(?:do)? (?:de muerte|con matarme)|quiere matarme|abusa(?:n|ron|ba"
    r"|ban)? (?:sexualmente )?de (?:mi|ella|el|mi hij[oa]) |(?:soy|sufro|siendo"
    r"|fui) (?:una )?(?:victima de )?(?:violencia (?:de genero|machista|domestica)|malos tratos|maltratada"
    r"|abusos sexuales)) ",
    r" (?:os|te|los|les|le) voy a (?:matar|rajar|apunalar|reventar la cabeza|partir la cara|pegar un tiro|dar una paliza"
    r"|romper las piernas) ",
    r" voy a (?:matar|apunalar|disparar|pegar) a (?:alguien|todos|uno|una|mi|tu|vuestr\w+|el|la|quien) ",
    r" voy a (?:quemar|prender fuego a|incendiar|volar) (?:la|el|tu|vuestra|esa|esta|su) (?:\w+ )?(?:tienda|local|oficina"
    r"|casa|edificio) ",
    r" voy a (?:ir|venir|entrar|aparecer) (?:\w+ )?con (?:una|un|mi) (?:pistola|cuchillo|navaja|escopeta|hacha|machete) ",
    rf" mi {NEAR_ES} (?:\w+ )?(?:abusa|abuso|abusaba|ha abusado) de (?:mi|mis|ella|el|nosotr\w+) ",
    r" quiero (?:tirarme|lanzarme) (?:por|al|desde|debajo) ",
    r" (?:he|she|they) (?:\w+ )?(?:beats|hits|beat|hit|rapes|raped|abuses|abused|strangles|strangled) me (?:$|every|again|up"
    r"|when|at|last|so|and|with)",
    r" (?:poner|pongo|hay|colocado|puesto) una bomba (?:en|ahi|alli|dentro) ",
    # English: oneself
    rf" (?:want|wanna|going|gonna|thinking (?:of|about)|thought about|feel like|feeling like|planning|plan|decided|tried|try"
    rf"|trying|wish i could|ready) (?:to )?(?:just )?{END_EN} (?!for |of |from |to )",
    r" (?:i am|i m|im|i feel|i ve been|feeling) (?:\w+ )?suicidal ",
    r" (?:don t|do not|dont) (?:want|wish) to (?:live|be alive|wake up|exist|be here)(?: (?:anymore|any more|any longer"
    r"|like this))+ ",
    r" (?:no reason to (?:live|go on living)|better off (?:dead|without me)|end my (?:own )?life|take my (?:own )?life"
    r"|taking my (?:own )?life|ending my life|wish i (?:was|were) dead|suicidal thoughts|life (?:is not"
    r"|isn t) worth living) ",
    r" (?:i (?:\w+ ){0,2}(?:self harm|self harmed|cut myself on purpose|have been self harming|ve been self harming)|(?:took"
    r"|taken|swallowed) (?:a whole bottle of|too many|all (?:of )?(?:the|my)|a lot of|a bottle of) (?:\w+ )?(?:pills|tablets"
    r"|medication)|i overdosed) ",
    # English: by others, to others
    rf" my (?:ex )?{NEAR_EN} (?:\w+ ){{0,3}}(?:hits|beats|hit|beat|abuses|abused|threatens|threatened|raped|attacked"
    rf"|strangled|choked"
    r"|hitting|beating|abusing|threatening|punched|stabbed|(?:wants|wanted|tried|trying|threatened|threatens) to (?:kill"
    r"|hurt)) (?:me|us) (?!up )",
    r" i (?:was|ve been|have been|am being|m being|got) (?:\w+ )?(?:raped|sexually assaulted|sexually abused|assaulted"
    r"|stabbed|beaten|abused|molested) ",
    r" (?:victim of|suffering|suffer|escaping|fleeing|escape) (?:from )?domestic (?:violence|abuse) ",
    r" (?:i (?:will|ll|am going to|m going to|m gonna|am gonna)|gonna|i want to) (?:\w+ )?(?:kill|shoot|stab|murder"
    r"|strangle) (?:you|you all|everyone|everybody|someone|somebody|him|her|my \w+|your \w+|all of you) ",
    r" (?:burn|blow) (?:down )?(?:your|the|this|that) (?:\w+ )?(?:shop|store|office|house|place|building|warehouse) (?:down"
    r"|up) ",
    r" (?:plant(?:ed)? a bomb|bomb (?:in|at|under) (?:your|the) (?:\w+ )?(?:shop|store|office|building)"
    r"|bring(?:ing)? a (?:gun|knife)|come (?:\w+ )?with a (?:gun|knife)) ",
)

"""French tables: common wording first, rare wording last in every list.

Noun phrases carry their article before a ``~``, so that one row serves ``une toux``,
``pas de toux`` and ``en faveur d'une toux``.
"""

from __future__ import annotations

from .notes import Lexicon, joiner


def _de(phrase: str) -> str:
    """``de`` before a noun phrase: elided, and merged with a partitive or plural article."""
    article, _, noun = phrase.rpartition("~")
    if article in ("un", "une"):
        return f"d'{article} {noun}"
    first = noun[3:4] if noun.startswith("[") else noun[:1]
    return f"d'{noun}" if first.lower() in "aeiouyhàâéèêëîïôœ" else f"de {noun}"


WORDS = {
    "male": ["homme"],
    "female": ["femme"],
    "year": ["2019", "2021", "2018", "2016", "2014"],
    "then": ["en {year}", "l'an dernier", "l'hiver dernier", "il y a plusieurs années"],
    "ago": [
        "[T:depuis {3-9} jours]",
        "[T:depuis une semaine]",
        "[T:depuis {2-5} j]",
        "[T:depuis une quinzaine de jours]",
        "[T:depuis 24 heures]",
    ],
    "course": ["[T:pendant {5-10} jours]", "[T:pour {5-7} jours]", "[T:pendant deux semaines]"],
    "relative": ["Mère", "Père", "Sœur", "Frère", "Grand-mère"],
    "vs": ["vs", "ou", "contre"],
    "when": ["dans 48 heures", "dans une semaine", "par le médecin traitant"],
}
FINDINGS = {
    "fever": ["de la~fièvre", "une~fièvre élevée", "une~hyperthermie", "une~fébricule"],
    "cough": ["une~toux", "une~toux grasse", "une~toux sèche", "des~quintes de toux"],
    "dyspnea": ["une~dyspnée", "un~essoufflement", "une~gêne respiratoire", "une~dyspnée d'effort"],
    "chest_pain": ["une~douleur thoracique", "une~oppression thoracique", "une~douleur pleurale"],
    "nausea": ["des~nausées", "des~nausées et vomissements"],
    "edema": [
        "des~œdèmes des membres inférieurs",
        "un~œdème des chevilles",
        "des~OMI",
        "un~gonflement des jambes",
    ],
    "tachycardia": ["une~tachycardie", "un~pouls rapide", "une~tachycardie sinusale"],
    "confusion": ["une~confusion", "une~désorientation", "un~syndrome confusionnel"],
}
STATES = {"fever": ["fébrile"], "tachycardia": ["tachycarde"], "dyspnea": ["dyspnéique"]}
NORMAL = {
    "fever": ["apyrétique", "température normale"],
    "confusion": ["bonne orientation temporo-spatiale", "discours cohérent"],
    "dyspnea": ["eupnéique en air ambiant"],
}
OTHERS = [
    "des~céphalées",
    "une~asthénie",
    "des~vertiges",
    "des~myalgies",
    "une~odynophagie",
    "une~perte de poids",
    "des~sueurs nocturnes",
    "une~lombalgie",
    "une~insomnie",
]
NAMES = {
    "pneumonia": ["une~pneumopathie", "une~pneumonie", "une~PAC", "une~infection pulmonaire"],
    "heart_failure": ["une~décompensation cardiaque", "une~insuffisance cardiaque", "un~OAP"],
    "copd": ["une~exacerbation de BPCO", "une~poussée de BPCO"],
    "uti": ["une~infection urinaire", "une~pyélonéphrite", "une~cystite"],
    "gastroenteritis": ["une~gastro-entérite", "une~gastro-entérite virale"],
    "embolism": ["une~embolie pulmonaire", "une~EP", "une~maladie thromboembolique"],
    "ketoacidosis": ["une~acidocétose", "une~acidocétose diabétique"],
}
EVIDENCE = {
    "pneumonia": [
        ("cxr", "une~condensation du lobe inférieur droit"),
        ("exam", "des~[F:crépitants en foyer]"),
        ("cxr", "un~infiltrat alvéolaire"),
        ("exam", "un~[F:souffle tubaire]"),
        ("symptom", "des~[F:crachats rouillés]"),
        ("lab", "un~antigène pneumococcique"),
    ],
    "heart_failure": [
        ("cxr", "une~redistribution vasculaire"),
        ("exam", "une~[F:turgescence jugulaire]"),
        ("echo", "une~dysfonction systolique sévère"),
        ("symptom", "une~[F:prise de poids rapide]"),
        ("exam", "un~[F:bruit de galop]"),
        ("cxr", "des~lignes B de Kerley"),
    ],
    "copd": [
        ("exam", "des~[F:sibilants expiratoires diffus]"),
        ("lab", "une~hypercapnie avec acidose respiratoire"),
        ("exam", "une~[F:expiration prolongée]"),
        ("symptom", "une~[F:purulence accrue des crachats]"),
        ("lab", "une~rétention aiguë de CO2"),
    ],
    "uti": [
        ("urine", "des~nitrites positifs"),
        ("symptom", "des~[F:brûlures mictionnelles]"),
        ("urine", "une~leucocyturie massive"),
        ("exam", "une~[F:douleur à l'ébranlement lombaire]"),
        ("symptom", "une~[F:pollakiurie]"),
        ("urine", "une~culture à E. coli"),
    ],
    "gastroenteritis": [
        ("symptom", "une~[F:diarrhée aqueuse]"),
        ("exam", "des~[F:bruits hydro-aériques augmentés]"),
        ("lab", "un~norovirus dans les selles"),
        ("symptom", "des~[F:crampes abdominales]"),
        ("exam", "une~[F:sensibilité abdominale diffuse]"),
    ],
    "embolism": [
        ("ct", "un~défect endoluminal segmentaire"),
        ("exam", "une~[F:douleur du mollet gauche]"),
        ("echo", "une~dilatation du ventricule droit"),
        ("symptom", "une~[F:hémoptysie]"),
        ("ct", "un~thrombus de l'artère pulmonaire"),
    ],
    "ketoacidosis": [
        ("lab", "une~cétonémie élevée"),
        ("exam", "une~[F:respiration de Kussmaul]"),
        ("lab", "une~acidose à trou anionique élevé"),
        ("symptom", "une~[F:polyurie]"),
        ("exam", "une~[F:haleine cétonique]"),
        ("symptom", "une~[F:polydipsie]"),
    ],
}
VALUES = {
    "pneumonia": [("procalcitonine {3-9},{1-9} ng/mL", "procalcitonine < 0,1 ng/mL")],
    "heart_failure": [("NT-proBNP {3000-9000} pg/mL", "NT-proBNP {40-90} pg/mL")],
    "copd": [("pCO2 {58-79} mmHg, pH 7,2{1-9}", "pCO2 {36-41} mmHg, pH 7,40")],
    "uti": [("ECBU : > 10^5 UFC/mL", "ECBU stérile")],
    "gastroenteritis": [("{8-15} selles liquides par jour", "une selle moulée par jour")],
    "embolism": [("D-dimères {2400-8900} ng/mL, thrombus à l'écho-doppler", "D-dimères {110-290}")],
    "ketoacidosis": [("glycémie {3-6},{1-9} g/L, pH 7,{10-22}", "glycémie 0,9{1-9} g/L, pH 7,40")],
}
TESTS = {
    "cxr": ["radio de thorax", "RP", "radiographie thoracique"],
    "ct": ["TDM", "angioscanner", "imagerie en coupes"],
    "lab": ["biologie", "bilan sanguin", "prise de sang"],
    "urine": ["BU", "bandelette urinaire", "analyse d'urines"],
    "echo": ["ETT", "échocardiographie"],
}
FRAMES = {
    "open": [
        "patient{e} de {age} ans, admission pour {un_x} {ago}",
        "patient{e} de {age} ans présentant {un_x} {ago}",
        "{sex} de {age} ans qui consulte aux urgences pour {un_x} {ago}",
        "{sex} de {age} ans. Motif : {x}, évoluant {ago}",
    ],
    "affirm": [
        "présente aussi {un_x}",
        "signale également {un_x} {ago}",
        "se plaint {d_un_x}",
        "dort mal à cause {d_un_x}",
        "l'entourage a remarqué {un_x}",
        "pas d'amélioration : persistance {d_un_x}",
    ],
    "state": ["à l'arrivée, {a}", "état général altéré, {a}", "reste {a}"],
    "deny": [
        "pas {nor_de_x}",
        "absence {de_x}",
        "sans {nor_x}",
        "ne signale pas {nor_de_x}",
        "recherche {de_x} : rien de tel",
        "n'a pas eu {nor_de_x}",
    ],
    "historic": [
        "a eu {un_x} {then}, sans suite",
        "épisode {de_x} {then}, résolutif",
        "un ancien courrier mentionne {un_x}",
    ],
    "family_finding": [
        "{relative} à la maison avec {un_x}",
        "{relative} présentant {un_x}",
    ],
    "warn": [
        "reconsulter en cas {or_de_x}",
        "surveiller l'apparition {or_d_un_x}",
        "[M:paracétamol] [D:1 g] [Q:si besoin] en cas {or_de_x}",
    ],
    "test_pos": [
        "{m} : {x}",
        "{m} avec {un_x}",
        "{m} montrant {un_x}",
        "{m}, relecture en staff : on retient {un_x}",
        "{m} en faveur {d_un_x}",
    ],
    "test_neg": [
        "{m} : pas {de_x}",
        "{m} sans {x}",
        "{m} ne montrant pas {de_x}",
        "{m}, relecture en staff : rien en faveur {d_un_x}",
        "{m} sans anomalie, absence {de_x}",
    ],
    "test_past": [
        "{m} de {year} : {x}, disparition au contrôle",
        "notion {de_x} en {year} ({m})",
    ],
    "exam_pos": ["à l'examen, {x}", "on note {un_x}", "examen marqué par {un_x}"],
    "exam_neg": ["à l'examen, pas {de_x}", "on ne note pas {de_x}", "recherche {de_x} négative"],
    "exam_past": ["lors du séjour de {year}, {x}, plus rien ce jour"],
    "symptom_pos": ["signale {un_x}", "à l'interrogatoire, {x}", "{x} {ago}"],
    "symptom_neg": ["ne signale pas {de_x}", "à l'interrogatoire, jamais {de_x}"],
    "symptom_past": ["a eu {un_x} {then}, sans récidive"],
    "treat_pos": [
        "introduction : {o}",
        "mise sous {o}",
        "reçoit {o} avec bonne réponse",
        "traitement par {o}",
    ],
    "treat_neg": [
        "pas d'indication à {o}",
        "traitement par {o} discuté mais non débuté",
        "arrêt au vu du bilan : {o}",
    ],
    "treat_past": ["traitement par {o} {then}", "a reçu {o} en {year}"],
    "name_pos": ["conclusion : {x}", "tableau en faveur {d_un_x}", "on retient {un_x}"],
    "name_neg": [
        "peu d'arguments pour {un_x}",
        "on écarte {un_x}",
        "la suspicion initiale {de_x} n'est pas confirmée",
    ],
    "name_past": [
        "antécédent {de_x} en {year}",
        "hospitalisation {then} pour {un_x}",
        "ATCD : {x} ({year})",
    ],
    "name_family": ["{relative} : {x}", "{relative} avec antécédent {de_x}"],
    "ddx": ["hypothèses : {vs}", "à l'arrivée, discussion {vs}"],
    "vitals": [
        "T {t} °C, FC {hr}/min, TA {100-150}/{60-90}",
        "constantes : pouls {hr}, température {t} °C",
    ],
    "home": ["traitement habituel : {o}", "prend {o}", "au domicile, {o}"],
    "allergy": ["allergie : {o}", "intolérance connue : {o}"],
    "follow": ["revoir {when}", "famille informée", "alimentation selon tolérance"],
}
_DAILY = "une fois par jour|1x/j|toutes les 24 heures"
_TWICE = "deux fois par jour|matin et soir|toutes les 12 heures"
_THRICE = "trois fois par jour|3x/j|toutes les 8 heures"
TREAT = {
    "pneumonia": [
        ("ceftriaxone", "1 g|2 g", "IV", _DAILY),
        ("amoxicilline|Clamoxyl", "1 g|2 g", "PO", _THRICE),
        ("lévofloxacine|Tavanic", "500 mg", "PO", _DAILY),
    ],
    "heart_failure": [
        ("furosémide|Lasilix", "40 mg|80 mg|20 mg", "IV", _TWICE),
        ("trinitrine", "1 mg/h|10 \u00b5g/min", "IV", "en continu"),
    ],
    "copd": [
        ("salbutamol|Ventoline", "5 mg|2 bouffées", "inh", "toutes les 4 heures|si besoin"),
        ("prednisone|Cortancyl", "40 mg|30 mg", "PO", "le matin|une fois par jour"),
        ("ipratropium|Atrovent", "0,5 mg", "inh", _THRICE),
    ],
    "uti": [
        ("fosfomycine|Monuril", "3 g", "PO", "en dose unique"),
        ("ciprofloxacine", "500 mg|400 mg", "PO", _TWICE),
        ("ceftriaxone", "1 g", "IV", _DAILY),
    ],
    "gastroenteritis": [
        ("soluté de réhydratation orale|SRO", "200 mL|un sachet", "PO", "après chaque selle"),
        ("racécadotril|Tiorfan", "100 mg", "PO", _THRICE),
        ("métoclopramide", "10 mg", "IV", "si besoin|toutes les 8 heures"),
    ],
    "embolism": [
        ("énoxaparine|Lovenox", "80 mg|1 mg/kg", "SC", _TWICE),
        ("rivaroxaban|Xarelto", "15 mg", "PO", _TWICE),
        ("tinzaparine", "175 UI/kg", "SC", _DAILY),
    ],
    "ketoacidosis": [
        ("insuline rapide", "0,1 UI/kg/h|6 UI", "IV", "en continu"),
        ("chlorure de potassium", "2 g|20 mmol", "IV", "toutes les 4 heures"),
    ],
}
HOME = {
    "pressure": [
        ("ramipril", "5 mg|10 mg", "PO", "le matin|une fois par jour"),
        ("périndopril", "4 mg|8 mg", "PO", "le matin"),
    ],
    "weak_heart": [
        ("furosémide|Lasilix", "40 mg|20 mg", "PO", "le matin"),
        ("bisoprolol|Cardensiel", "2,5 mg|5 mg", "PO", _DAILY),
    ],
    "lungs": [("tiotropium|Spiriva", "18 \u00b5g", "inh", _DAILY)],
    "sugar": [
        ("metformine|Glucophage", "850 mg|1 g", "PO", "au cours des repas|matin et soir"),
        ("insuline glargine|Lantus", "18 UI|24 UI", "SC", "le soir|au coucher"),
    ],
    "clots": [("fluindione|Préviscan", "20 mg", "PO", "le soir")],
    "misc": [
        ("pantoprazole", "20 mg|40 mg", "PO", "le matin"),
        ("rosuvastatine", "10 mg|20 mg", "PO", "le soir"),
        ("paracétamol|Doliprane", "1 g|500 mg", "PO", "si besoin|toutes les 6 heures"),
    ],
}
ORDER = [
    "{M} {D} {R} {Q}",
    "{M} {D} {Q}",
    "{M} {D} {Q} {course}",
    "{M} {D}",
    "{M}",
    "{M} ({D} {Q})",
]
HEADERS: list[dict[str, str]] = [
    {},
    {
        "hpi": "Histoire de la maladie :",
        "history": "Antécédents :",
        "meds": "Traitement :",
        "exam": "Examen :",
        "results": "Bilan :",
        "plan": "Conduite à tenir :",
        "between": "\n",
    },
    {"hpi": "MOTIF D'ADMISSION", "plan": "CONCLUSION", "after": "\n", "between": "\n\n"},
    {"between": "\n"},
]

FRENCH = Lexicon(
    lang="fr",
    words=WORDS,
    findings=FINDINGS,
    late_findings={},
    states=STATES,
    normal=NORMAL,
    others=OTHERS,
    names=NAMES,
    evidence=EVIDENCE,
    late_evidence={},
    values=VALUES,
    tests=TESTS,
    frames=FRAMES,
    treat=TREAT,
    home=HOME,
    order=ORDER,
    headers=HEADERS,
    join_and=joiner("et"),
    join_or=joiner("ou"),
    join_nor=joiner("ni"),
    of=_de,
    decimal=",",
    length=(40, 62),
)

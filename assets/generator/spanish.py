"""Spanish tables: common wording first, rare wording last in every list."""

from __future__ import annotations

from collections.abc import Callable

from .notes import Lexicon


def _before(word: str, marked: str) -> str:
    """``y`` becomes ``e`` before an i sound, ``o`` becomes ``u`` before an o sound."""
    sound = marked[3:] if marked.startswith("[") else marked
    sound = sound.lower().removeprefix("h")
    if word == "y" and sound.startswith("i") and not sound.startswith("ie"):
        return "e"
    return "u" if word == "o" and sound.startswith("o") else word


def _join(last: str) -> Callable[[list[str]], str]:
    def join(items: list[str]) -> str:
        if len(items) == 1:
            return items[0]
        return f"{', '.join(items[:-1])} {_before(last, items[-1])} {items[-1]}"

    return join


WORDS = {
    "male": ["Varón", "Hombre", "Paciente varón"],
    "female": ["Mujer", "Paciente mujer"],
    "year": ["2019", "2021", "2018", "2016", "2014"],
    "then": ["en {year}", "el año pasado", "el invierno pasado", "hace años"],
    "ago": [
        "[T:desde hace {3-9} días]",
        "[T:de {3-9} días de evolución]",
        "[T:desde hace dos semanas]",
        "[T:durante las últimas 24 horas]",
        "[T:de una semana de evolución]",
    ],
    "course": ["[T:durante {5-10} días]", "[T:por {5-7} días]", "[T:durante dos semanas]"],
    "relative": ["madre", "padre", "hermana", "hermano", "abuela"],
    "vs": ["vs", "frente a", "o bien"],
    "when": ["en 48 horas", "en una semana", "con su médico de cabecera"],
}
FINDINGS = {
    "fever": ["fiebre", "fiebre alta", "febrícula", "hipertermia", "picos febriles"],
    "cough": ["tos", "tos productiva", "tos seca", "accesos de tos"],
    "dyspnea": ["disnea", "falta de aire", "disnea de esfuerzo", "sensación de ahogo"],
    "chest_pain": ["dolor torácico", "dolor en el pecho", "opresión precordial"],
    "nausea": ["náuseas", "náuseas y vómitos", "malestar con arcadas"],
    "edema": ["edemas maleolares", "hinchazón de piernas", "edema con fóvea", "edemas en MMII"],
    "tachycardia": ["taquicardia", "pulso acelerado", "taquicardia sinusal"],
    "confusion": ["confusión", "desorientación", "síndrome confusional", "delirio"],
}
STATES = {"fever": ["febril"], "tachycardia": ["con el pulso rápido"]}
NORMAL = {
    "fever": ["afebril", "temperatura normal"],
    "confusion": ["orientación conservada en las tres esferas", "lenguaje coherente"],
    "dyspnea": ["eupnea en reposo", "buena mecánica ventilatoria"],
}
OTHERS = [
    "cefalea",
    "astenia",
    "mareo",
    "mialgias",
    "odinofagia",
    "pérdida de peso",
    "sudoración nocturna",
    "lumbalgia",
    "hiporexia",
    "insomnio",
]
NAMES = {
    "pneumonia": ["neumonía", "NAC", "infección respiratoria baja", "neumonía lobar"],
    "heart_failure": ["insuficiencia cardíaca", "ICC", "descompensación cardíaca"],
    "copd": ["EPOC agudizada", "agudización de EPOC", "exacerbación de EPOC"],
    "uti": ["infección urinaria", "ITU", "pielonefritis", "cistitis"],
    "gastroenteritis": ["gastroenteritis", "GEA", "gastroenteritis vírica"],
    "embolism": ["TEP", "embolia pulmonar", "tromboembolia pulmonar"],
    "ketoacidosis": ["cetoacidosis diabética", "CAD", "cetoacidosis"],
}
EVIDENCE = {
    "pneumonia": [
        ("cxr", "condensación en el lóbulo inferior derecho"),
        ("exam", "[F:crepitantes focales]"),
        ("cxr", "infiltrado alveolar"),
        ("exam", "[F:soplo tubárico]"),
        ("symptom", "[F:esputo herrumbroso]"),
        ("lab", "antígeno de neumococo"),
    ],
    "heart_failure": [
        ("cxr", "redistribución vascular"),
        ("exam", "[F:ingurgitación yugular]"),
        ("echo", "disfunción sistólica grave"),
        ("symptom", "[F:aumento rápido de peso]"),
        ("exam", "[F:tercer ruido]"),
        ("cxr", "líneas B de Kerley"),
    ],
    "copd": [
        ("exam", "[F:sibilancias espiratorias difusas]"),
        ("lab", "hipercapnia con acidosis respiratoria"),
        ("exam", "[F:espiración alargada]"),
        ("symptom", "[F:esputo más purulento de lo habitual]"),
        ("lab", "retención aguda de CO2"),
    ],
    "uti": [
        ("urine", "nitritos positivos"),
        ("symptom", "[F:disuria]"),
        ("urine", "leucocituria intensa"),
        ("exam", "[F:puñopercusión renal dolorosa]"),
        ("symptom", "[F:polaquiuria]"),
        ("urine", "crecimiento de E. coli"),
    ],
    "gastroenteritis": [
        ("symptom", "[F:diarrea acuosa]"),
        ("exam", "[F:ruidos hidroaéreos aumentados]"),
        ("lab", "norovirus en heces"),
        ("symptom", "[F:retortijones]"),
        ("exam", "[F:dolor abdominal difuso]"),
    ],
    "embolism": [
        ("ct", "defecto de repleción segmentario"),
        ("exam", "[F:dolor en la pantorrilla izquierda]"),
        ("echo", "sobrecarga del ventrículo derecho"),
        ("symptom", "[F:hemoptisis]"),
        ("ct", "trombo en la arteria pulmonar"),
    ],
    "ketoacidosis": [
        ("lab", "cetonemia elevada"),
        ("exam", "[F:respiración de Kussmaul]"),
        ("lab", "acidosis con anión gap alto"),
        ("symptom", "[F:poliuria]"),
        ("exam", "[F:aliento cetósico]"),
        ("symptom", "[F:polidipsia]"),
    ],
}
VALUES = {
    "pneumonia": [("procalcitonina {3-9},{1-9} ng/ml", "procalcitonina < 0,1 ng/ml")],
    "heart_failure": [("NT-proBNP {3-9}.{100-900} pg/ml", "NT-proBNP {40-90} pg/ml")],
    "copd": [("pCO2 {58-79} mmHg, pH 7,2{1-9}", "pCO2 {36-41} mmHg, pH 7,40")],
    "uti": [("urocultivo > 100.000 UFC", "urocultivo estéril")],
    "gastroenteritis": [("{8-15} deposiciones líquidas al día", "una deposición formada al día")],
    "embolism": [
        ("dímero D {2400-8900} ng/ml, eco doppler con trombo", "dímero D {110-290} ng/ml")
    ],
    "ketoacidosis": [
        ("glucemia {410-690} mg/dl, pH 7,{10-22}", "glucemia {88-110} mg/dl, pH 7,40")
    ],
}
TESTS = {
    "cxr": ["Rx de tórax", "radiografía de tórax", "placa de tórax"],
    "ct": ["TC", "angio-TC", "TAC con contraste"],
    "lab": ["analítica", "análisis de sangre", "laboratorio"],
    "urine": ["sedimento", "análisis de orina", "tira reactiva"],
    "echo": ["ecocardiograma", "ecocardiografía", "ETT"],
}
FRAMES = {
    "open": [
        "{sex} de {age} años que acude a urgencias por {x} {ago}",
        "{sex} de {age} años. Motivo de consulta: {x} {ago}",
        "{sex} de {age} años, ingresa por {x}",
        "{sex} de {age} años que consulta por {x} {ago}",
    ],
    "affirm": [
        "además presenta {x}",
        "refiere también {x} {ago}",
        "no duerme por {x}",
        "asocia {x}, sin mejoría en domicilio",
        "la familia ha notado {x}",
        "no niega {x} al insistir",
    ],
    "state": ["a su llegada {a}", "regular estado general, {a}", "continúa {a}"],
    "deny": [
        "niega {or_x}",
        "no refiere {nor_x}",
        "sin {nor_x}",
        "ausencia {de_x}",
        "se pregunta por {x}: nada de ello",
        "no ha tenido {nor_x}",
    ],
    "historic": [
        "tuvo {x} {then}, ya sin síntomas",
        "episodio previo {de_x} {then}, con resolución completa",
        "informes antiguos con mención {de_x}",
    ],
    "family_finding": [
        "su {relative} está en casa con {x}",
        "su {relative} tiene {x}",
    ],
    "warn": [
        "volver a urgencias si hay {or_x}",
        "reconsultar en caso {de_x}",
        "[M:paracetamol] [D:1 g] [Q:si precisa] en caso {de_x}",
    ],
    "test_pos": [
        "{m} con {x}",
        "{m}: {x}",
        "{m} que confirma {x}",
        "{m} que muestra {x}",
        "{m}, tras revisión en sesión: hallazgo {de_x}",
    ],
    "test_neg": [
        "{m} sin {x}",
        "{m}: no hay {x}",
        "{m} que no confirma {x}",
        "{m} normal, sin datos {de_x}",
        "{m}, tras revisión en sesión: ausencia {de_x}",
    ],
    "test_past": [
        "{m} de {year} con {x}, con resolución en el control",
        "constancia {de_x} en {m} de {year}",
    ],
    "exam_pos": ["a la exploración, {x}", "a destacar, {x}", "exploración con {x}"],
    "exam_neg": ["a la exploración, sin {x}", "no hay {x}", "se busca {x} sin hallar nada"],
    "exam_past": ["en el ingreso de {year} presentaba {x}, ahora no"],
    "symptom_pos": ["refiere {x}", "al interrogatorio, {x}", "{x} {ago}"],
    "symptom_neg": ["niega {x}", "al interrogatorio, nunca {x}", "no ha presentado {x}"],
    "symptom_past": ["tuvo {x} {then}, sin recidiva"],
    "treat_pos": [
        "se inicia {o}",
        "se pauta {o}",
        "recibe {o} con buena respuesta",
        "tratamiento actual con {o}",
    ],
    "treat_neg": [
        "no se considera indicado iniciar {o}",
        "se valoró {o}, que finalmente no se administra",
        "se suspende {o} a la vista de los resultados",
    ],
    "treat_past": ["recibió {o} {then}", "completó {o} en {year}"],
    "name_pos": ["impresión diagnóstica: {x}", "cuadro compatible con {x}", "se orienta como {x}"],
    "name_neg": [
        "se descarta {x}",
        "{x} poco probable",
        "la sospecha inicial {de_x} no se confirma",
    ],
    "name_past": [
        "antecedente {de_x} en {year}",
        "ingreso {then} por {x}",
        "AP: {x} en {year}",
    ],
    "name_family": ["su {relative} tuvo {x}", "AF: {x} en su {relative}"],
    "ddx": ["diagnóstico diferencial: {vs}", "al ingreso se planteó {vs}"],
    "vitals": [
        "Tª {t} °C, FC {hr} lpm, TA {100-150}/{60-90}",
        "constantes: FC {hr}, temperatura {t} °C",
    ],
    "home": ["tratamiento habitual: {o}", "toma {o}", "en domicilio, {o}"],
    "allergy": ["alergia a {o}", "intolerancia a {o}"],
    "follow": ["control {when}", "se informa a la familia", "dieta según tolerancia"],
}
_DAILY = "cada 24 horas|una vez al día|c/24h"
_TWICE = "cada 12 horas|dos veces al día|c/12h"
_THRICE = "cada 8 horas|tres veces al día|c/8h"
TREAT = {
    "pneumonia": [
        ("ceftriaxona", "1 g|2 g", "iv", _DAILY),
        ("levofloxacino|Tavanic", "500 mg|750 mg", "vo", _DAILY),
        ("amoxicilina-clavulánico|Augmentine", "875/125 mg|1 g", "vo", _THRICE),
    ],
    "heart_failure": [
        ("furosemida|Seguril", "40 mg|20 mg|60 mg", "iv", _TWICE),
        ("nitroglicerina", "10 \u00b5g/min", "iv", "en perfusión continua"),
    ],
    "copd": [
        ("salbutamol|Ventolin", "2,5 mg|2 inhalaciones", "inh", "cada 4 horas|si precisa"),
        ("prednisona", "40 mg|30 mg", "vo", "cada mañana|una vez al día"),
        ("bromuro de ipratropio", "0,5 mg", "inh", "cada 6 horas"),
    ],
    "uti": [
        ("fosfomicina|Monurol", "3 g", "vo", "en dosis única"),
        ("ciprofloxacino", "500 mg|400 mg", "vo", _TWICE),
        ("ceftriaxona", "1 g", "iv", _DAILY),
    ],
    "gastroenteritis": [
        ("suero oral", "200 ml|un sobre", "vo", "tras cada deposición"),
        ("ondansetrón", "4 mg|8 mg", "iv", _THRICE),
        ("loperamida", "2 mg", "vo", "si precisa"),
    ],
    "embolism": [
        ("enoxaparina|Clexane", "80 mg|1 mg/kg", "sc", _TWICE),
        ("heparina sódica", "5.000 UI", "iv", "en bolo|en perfusión continua"),
        ("apixabán|Eliquis", "10 mg", "vo", _TWICE),
    ],
    "ketoacidosis": [
        ("insulina rápida|insulina regular", "0,1 UI/kg/h|6 UI", "iv", "en perfusión continua"),
        ("cloruro potásico", "20 mEq", "iv", "cada 4 horas"),
    ],
}
HOME = {
    "pressure": [
        ("enalapril", "10 mg|20 mg", "vo", _TWICE),
        ("amlodipino", "5 mg|10 mg", "vo", "por la noche|una vez al día"),
    ],
    "weak_heart": [
        ("furosemida|Seguril", "40 mg", "vo", "por la mañana|una vez al día"),
        ("bisoprolol", "2,5 mg|5 mg", "vo", _DAILY),
    ],
    "lungs": [("tiotropio|Spiriva", "18 \u00b5g", "inh", _DAILY)],
    "sugar": [
        ("metformina", "850 mg|1 g", "vo", "con las comidas|cada 12 horas"),
        ("insulina glargina|Lantus", "18 UI|24 UI", "sc", "por la noche"),
    ],
    "clots": [("acenocumarol|Sintrom", "4 mg|2 mg", "vo", _DAILY)],
    "misc": [
        ("omeprazol", "20 mg", "vo", "en ayunas|una vez al día"),
        ("atorvastatina", "20 mg|40 mg", "vo", "por la noche"),
        ("paracetamol", "1 g|650 mg", "vo", "cada 8 horas|si precisa"),
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
        "hpi": "Enfermedad actual:",
        "history": "Antecedentes:",
        "meds": "Medicación:",
        "exam": "Exploración:",
        "results": "Pruebas:",
        "plan": "Plan:",
        "between": "\n",
    },
    {"hpi": "MOTIVO DE CONSULTA", "plan": "JUICIO Y PLAN", "after": "\n", "between": "\n\n"},
    {"between": "\n"},
]

SPANISH = Lexicon(
    lang="es",
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
    join_and=_join("y"),
    join_or=_join("o"),
    join_nor=_join("ni"),
    of=lambda phrase: f"de {phrase}",
    decimal=",",
    length=(40, 62),
)

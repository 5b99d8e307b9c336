"""What the English notes say, in Spanish and French: `phrase = Spanish = French`, one a line.

Only what the other way round does not give already. `#` stands for any number. An empty
translation leaves the phrase out.
"""

ENGLISH = """
gentleman = varón = homme
male = varón = homme
lady = mujer = femme
female = mujer = femme
pt = paciente = patient
the patient = el paciente = le patient
daughter = hija = fille
EMS = ambulancia = SAMU
ambulance = ambulancia = ambulance
neighbor = vecino = voisin
nursing home staff = personal de la residencia = personnel de l'EHPAD
spouse = cónyuge = conjoint
presents = acude = consulte
presenting = acude = consulte
referred by GP = derivado por su médico = adressé par le médecin traitant
January = enero = janvier
March = marzo = mars
May = mayo = mai
August = agosto = août
October = octubre = octobre
December = diciembre = décembre
last year = el año pasado = l'an dernier
last winter = el invierno pasado = l'hiver dernier
years ago = hace años = il y a plusieurs années
x # days = desde hace # días = depuis # jours
x#w = desde hace # semanas = depuis # semaines
x#d = durante # días = pendant # jours
for #d = desde hace # días = depuis # jours
for about a week = desde hace una semana = depuis une semaine
for about a fortnight = desde hace dos semanas = depuis une quinzaine de jours
for the past = durante los últimos = depuis
over the last = durante las últimas = depuis
days = días = jours
hours = horas = heures
weeks = semanas = semaines
week = semana = semaine
two = dos = deux
three = tres = trois
five = cinco = cinq
several = varios = plusieurs
one-week = de una semana = d'une semaine
#-day = de # días = de # jours
# week = de # semanas = de # semaines
#d = # días = # jours
for a total of # days = durante # días en total = pendant # jours en tout
for # months = durante # meses = pendant # mois
maternal aunt = tía materna = tante maternelle
grandfather = abuelo = grand-père
son = hijo = fils
versus = frente a = contre
next week = la próxima semana = la semaine prochaine
in clinic = en consulta = en consultation
on Monday = el lunes = lundi
fevers = fiebre = fièvre
high temperature = temperatura alta = température élevée
raised temperature = temperatura alta = température élevée
feverishness = febrícula = fébricule
hot spells = picos febriles = bouffées de chaleur
coughing = tos = toux
hacking cough = tos seca = toux sèche
tussive bouts = accesos de tos = quintes de toux
hawking up phlegm = expectoración = expectoration
SOB = disnea = dyspnée
DOE = disnea de esfuerzo = dyspnée d'effort
difficulty breathing = dificultad para respirar = gêne respiratoire
dyspnoea = disnea = dyspnée
air hunger = sed de aire = soif d'air
labored breathing = respiración dificultosa = respiration laborieuse
getting winded = falta de aire = essoufflement
CP = dolor torácico = douleur thoracique
pleuritic pain = dolor pleurítico = douleur pleurale
substernal pressure = opresión precordial = oppression thoracique
retrosternal discomfort = molestia retroesternal = gêne rétrosternale
precordial ache = dolor precordial = douleur précordiale
thoracic pain = dolor torácico = douleur thoracique
N/V = náuseas y vómitos = nausées et vomissements
queasiness = náuseas = nausées
feeling sick = náuseas = nausées
upset stomach with retching = malestar con arcadas = nausées et vomissements
biliousness = náuseas = nausées
edema = edemas = \u0153dèmes
oedema = edemas = \u0153dèmes
pedal edema = edemas en MMII = \u0153dèmes des membres inférieurs
swollen ankles = edemas maleolares = \u0153dème des chevilles
puffy legs = hinchazón de piernas = gonflement des jambes
fluid retention in the feet = retención de líquidos en los pies = rétention d'eau dans les pieds
racing heart = palpitaciones = palpitations
rapid heart rate = frecuencia cardíaca rápida = fréquence cardiaque rapide
elevated HR = FC elevada = FC élevée
pulse going fast = pulso acelerado = pouls rapide
AMS = síndrome confusional = syndrome confusionnel
muddled thinking = pensamiento confuso = pensée confuse
clouded sensorium = obnubilación = obnubilation
acute encephalopathy = encefalopatía aguda = encéphalopathie aiguë
hot to touch = caliente al tacto = chaud au toucher
pyrexial = febril = fébrile
short of breath = con falta de aire = essoufflé
breathless = con falta de aire = essoufflé
SOB at rest = con disnea de reposo = dyspnéique au repos
nauseated = nauseoso = nauséeux
queasy = nauseoso = nauséeux
tachy = taquicárdico = tachycarde
confused = confuso = confus
disoriented = desorientado = désorienté
muddled = confuso = confus
delirious = delirante = délirant
edematous in both legs = con edemas en ambas piernas = avec \u0153dèmes des deux jambes
swollen to the knees = hinchado hasta las rodillas = gonflé jusqu'aux genoux
apyrexial throughout = afebril = apyrétique
alert and oriented = consciente y orientado = conscient et orienté
mentation intact = lenguaje coherente = discours cohérent
speaking in full sentences = habla con frases completas = parle en phrases complètes
regular rate and rhythm = rítmico a buena frecuencia = rythme régulier
pulse normal = pulso normal = pouls normal
legs slim = piernas sin hinchazón = jambes fines
extremities unremarkable = extremidades normales = extrémités normales
malaise = malestar general = malaise
rash = exantema = éruption
joint pain = dolor articular = douleurs articulaires
generalized weakness = debilidad generalizada = faiblesse généralisée
HA = cefalea = céphalées
PNA = neumonía = pneumonie
chest infection = infección respiratoria = infection pulmonaire
HFrEF = insuficiencia cardíaca = insuffisance cardiaque
cardiac failure = insuficiencia cardíaca = insuffisance cardiaque
AECOPD = EPOC agudizada = exacerbation de BPCO
COPD flare = agudización de EPOC = poussée de BPCO
exacerbation of emphysema = agudización de enfisema = exacerbation d'emphysème
urosepsis = urosepsis = sepsis urinaire
stomach flu = gastroenteritis vírica = gastro-entérite virale
food poisoning = intoxicación alimentaria = intoxication alimentaire
pulmonary embolus = embolia pulmonar = embolie pulmonaire
lung clot = trombo pulmonar = caillot pulmonaire
ketotic hyperglycemia = hiperglucemia cetósica = hyperglycémie cétosique
lobar infiltrate = infiltrado lobar = infiltrat lobaire
bronchial breath sounds = soplo tubárico = souffle tubaire
at the left base = en la base izquierda = à la base gauche
air bronchograms = broncograma aéreo = bronchogramme aérien
dullness to percussion = matidez a la percusión = matité à la percussion
Streptococcus pneumoniae antigen = antígeno de neumococo = antigène pneumococcique
patchy opacity in the lingula = opacidad parcheada en la língula = opacité de la lingula
retrocardiac airspace disease = opacidad retrocardíaca = opacité rétrocardiaque
egophony = egofonía = égophonie
ascites = ascitis = ascite
hepatojugular reflux = reflujo hepatoyugular = reflux hépatojugulaire
dilated left ventricle = ventrículo izquierdo dilatado = ventricule gauche dilaté
cephalization of vessels = redistribución vascular = redistribution vasculaire
distended neck veins = ingurgitación yugular = turgescence jugulaire
wheezing = sibilancias = sibilants
beyond baseline = más de lo habitual = plus que d'habitude
pursed-lip breathing = respiración con labios fruncidos = respiration à lèvres pincées
hyperinflation with air trapping = atrapamiento aéreo = distension avec piégeage
tight air entry with rhonchi = hipoventilación con roncus = hypoventilation avec ronchi
elevated pCO2 = pCO2 elevada = pCO2 élevée
large leukocyte esterase = esterasa leucocitaria intensa = leucocyturie massive
suprapubic tenderness = dolor suprapúbico = douleur suspubienne
flank pain = dolor en el flanco = douleur du flanc
bacteriuria with white cell casts = bacteriuria con cilindros = bactériurie avec cylindres
burning micturition = disuria = brûlures mictionnelles
on stool PCR = en PCR de heces = en PCR des selles
norovirus = norovirus = norovirus
Campylobacter in stool culture = Campylobacter en coprocultivo = Campylobacter à la coproculture
loose stools = deposiciones blandas = selles molles
fluid-filled small bowel loops = asas con líquido = anses grêles liquidiennes
frequent liquid stools = deposiciones líquidas frecuentes = selles liquides fréquentes
rotavirus antigen = antígeno de rotavirus = antigène de rotavirus
unilateral calf tenderness = dolor en una pantorrilla = douleur d'un mollet
saddle thrombus = trombo en silla de montar = thrombus en selle
palpable venous cord = cordón venoso palpable = cordon veineux palpable
McConnell sign = signo de McConnell = signe de McConnell
occlusion of a lobar pulmonary artery = oclusión de arteria lobar = occlusion d'une artère lobaire
clot in the pulmonary trunk = trombo en el tronco pulmonar = caillot du tronc pulmonaire
Homans sign = signo de Homans = signe de Homans
raised beta-hydroxybutyrate = betahidroxibutirato elevado = bêta-hydroxybutyrate élevé
heavy ketonuria = cetonuria intensa = cétonurie massive
profound ketonemia = cetonemia intensa = cétonémie profonde
acetone odor = olor a acetona = odeur d'acétone
CRP = PCR = CRP
sputum grew pneumococcus = esputo con neumococo = crachats à pneumocoque
sputum grew oral flora = esputo con flora oral = crachats à flore buccale
BNP = BNP = BNP
EF = FEVI = FEVG
peak flow = flujo máximo = débit de pointe
usually = habitualmente = d'habitude
as usual = como siempre = comme d'habitude
urine WBC = leucocitos en orina = leucocytes urinaires
nitrite = nitrito = nitrite
stool count # per day = # deposiciones al día = # selles par jour
watery = líquidas = liquides
formed = formadas = moulées
stool PCR = PCR de heces = PCR des selles
duplex clear = eco doppler sin trombo = écho-doppler sans thrombus
Wells = Wells = Wells
V/Q mismatch = V/Q discordante = V/Q discordant
V/Q matched = V/Q concordante = V/Q concordant
ketones = cetonas = cétones
HCO3 = HCO3 = HCO3
portable CXR = Rx de tórax portátil = radio de thorax au lit
PA/lateral film = Rx PA y lateral = radio de face et profil
CT scan = TAC = scanner
cross-sectional imaging = TAC = imagerie en coupes
lab work-up = analítica = bilan
UA = sedimento = analyse d'urines
MSU = análisis de orina = ECBU
bedside echo = ecocardiograma a pie de cama = échographie au lit
# y/o = de # años = de # ans
# yo = de # años = de # ans
# yr old = de # años = de # ans
#-year-old = de # años = de # ans
c/o = consulta por = consulte pour
has had = ha tenido = a eu
brought in by = traído por = amené par
is a = es = est
with a = con = avec
history of = historia de = histoire de
h/o = antecedente de = antécédent de
main complaint = motivo de consulta = motif
also = también = aussi
noted = se observa = noté
positive for = positivo para = positif pour
has not improved at home = no ha mejorado en domicilio = pas d'amélioration à la maison
unable to sleep because of = no duerme por = dort mal à cause de
no relief of = sin alivio de = pas de soulagement de
from = con = par
ROS + for = anamnesis positiva para = interrogatoire positif pour
endorses = refiere = signale
worse at night = peor por la noche = pire la nuit
family noticed = la familia ha notado = l'entourage a remarqué
without being asked = espontáneamente = spontanément
is no better = no mejora = pas mieux
denies trauma but admits = niega traumatismo pero refiere = nie un traumatisme mais signale
never had this before = nunca antes = jamais avant
looks unwell = regular estado general = état général altéré
no distress but = sin distrés pero = sans détresse mais
negative for = negativo para = négatif pour
absent = ausente = absent
has not had any = no ha tenido = n'a pas eu
ROS otherwise neg incl = resto de anamnesis negativa = reste négatif
asked about = se pregunta por = recherche
none of these = nada de ello = rien de tel
were all denied = se niegan = sont niés
there has been no = no ha habido = pas de
absence of = ausencia de = absence de
nil = no hay = néant
resolved = resuelto = résolu
during the = durante el = pendant le
admission = ingreso = séjour
none since = sin recidiva = sans récidive
old notes list = informes antiguos mencionan = un ancien courrier mentionne
as a child = en la infancia = dans l'enfance
outgrown = superado = passé
was troubled by = sufrió = a souffert de
gone after treatment = resuelto con tratamiento = disparu après traitement
has = tiene = a
currently at home with = está en casa con = à la maison avec
reported in = referido por = rapporté chez
not in = no en = pas chez
return if = volver si = revenir si
come back should = volver si = revenir en cas de
develop = aparece = apparition
call if new = llamar si = appeler en cas de
return precautions given for = avisado de volver si = consignes données pour
watch for = vigilar = surveiller
overnight = por la noche = la nuit
in case of = en caso de = en cas de
shows = muestra = montre
demonstrated = muestra = montrait
reviewed with the team = tras revisión en sesión = relecture en staff
seen = visto = vu
not normal = no normal = pas normal
there was a question of = se planteó = question de
and this was confirmed = y se confirma = et confirmé
but this was not confirmed = y no se confirma = mais non confirmé
not seen on = no visto en = pas vu à
nothing to suggest = nada que sugiera = rien en faveur de
did not show = no mostró = ne montrait pas
normal = normal = normal
in particular not the = en particular sin = en particulier sans
we had feared = temido = redouté
showed = mostró = montrait
since cleared = ya resuelto = disparu depuis
prior = previo = ancien
old = antiguo = ancien
at outside hospital = en otro hospital = dans un autre hôpital
resolved on repeat = con resolución en el control = disparition au contrôle
exam notable for = a destacar = examen marqué par
on exam = a la exploración = à l'examen
present = presente = présent
noted to have = presenta = présente
exam otherwise benign except = exploración normal salvo = examen normal sauf
elicited = se provoca = retrouvé
exam without = exploración sin = examen sans
not present = no presente = pas présent
could not be elicited = no se provoca = non retrouvé
exam benign = exploración normal = examen normal
looked for = se busca = recherche de
and found none = sin hallar nada = négative
documented = documentado = noté
no longer there = ya ausente = disparu
at the = en el = au
had = tuvo = a eu
since gone = ya resuelto = disparu depuis
also reports = refiere también = signale également
reports = refiere = signale
on direct questioning = al interrogatorio = à l'interrogatoire
has been getting worse = ha empeorado = s'aggrave
admits to = refiere = signale
specifically denies = niega expresamente = nie expressément
has not occurred = no ha ocurrido = ne s'est pas produit
says never = dice que nunca = dit jamais
resolved with treatment = resuelto con tratamiento = résolu sous traitement
reported = refirió = signalé
at a visit in # only = solo en una visita de # = lors d'une visite en # seulement
previously = antes = auparavant
none this time = ahora no = pas cette fois
start = se inicia = débuter
given = recibe = reçoit
with good response = con buena respuesta = avec bonne réponse
commenced = se inicia = introduction de
will treat with = se tratará con = traitement par
initiated today = iniciado hoy = débuté ce jour
now on = tratamiento actual con = sous
not indicated = no indicado = non indiqué
held off on = no se inicia = pas de
considered but not given = valorado, no se administra = discuté mais non débuté
stopped in the ED once the work-up was back = suspendido según resultados = arrêt au vu du bilan
no role for = sin indicación de = pas d'indication à
at present = por ahora = actuellement
completed = completó = a terminé
was on = tomaba = était sous
since stopped = ya suspendido = arrêté depuis
took = tomó = a pris
last course = última tanda = dernière cure
impression = impresión diagnóstica = conclusion
picture consistent with = cuadro compatible con = tableau en faveur de
admit for = ingreso por = admission pour
A/P = Plan = Conduite à tenir
findings not explained otherwise = sin otra explicación = sans autre explication
this is = es = c'est
felt unlikely = poco probable = peu probable
doubt = se duda de = peu d'arguments pour
was excluded = se descarta = écarté
not = no = pas
on review = en la revisión = à la relecture
admitted as = ingresado como = admis pour
which the work-up did not support = no confirmado = non confirmé
initial concern for = la sospecha inicial de = la suspicion initiale de
was not borne out = no se confirma = n'est pas confirmée
past = previo = ancien
recovered = recuperado = guéri
Hx = antecedentes = ATCD
FHx = AF = ATCD familiaux
died of = falleció de = décès par
currently admitted with = está ingresado con = hospitalisé pour
r/o = descartar = éliminer
ddx = diagnóstico diferencial = hypothèses
differential was = diagnóstico diferencial = hypothèses
on arrival thought to be = al ingreso se planteó = à l'arrivée, discussion
VS = constantes = constantes
RR = FR = FR
SpO2 = SpO2 = SpO2
pulse = pulso = pouls
on = con = sous
usual medication = medicación habitual = traitement habituel
unchanged = sin cambios = inchangé
continues = continúa = continue
allergies = alergias = allergies
intolerance = intolerancia = intolérance
avoid = evitar = éviter
allergy = alergia = allergie
will recheck labs in AM = analítica de control por la mañana = bilan de contrôle demain
full code = sin limitación = pas de limitation
social work consulted = interconsulta a trabajo social = assistante sociale prévenue
PT/OT to see = valoración por rehabilitación = avis kiné
Rocephin = ceftriaxona = ceftriaxone
CTX = ceftriaxona = ceftriaxone
azithromycin = azitromicina = azithromycine
Zithromax = Zitromax = Zithromax
azithro = azitromicina = azithromycine
Levaquin = Tavanic = Tavanic
doxycycline = doxiciclina = doxycycline
doxy = doxiciclina = doxycycline
Lasix = Seguril = Lasilix
frusemide = furosemida = furosémide
bumetanide = bumetanida = bumétanide
Bumex = bumetanida = Burinex
GTN = nitroglicerina = trinitrine
NTG = nitroglicerina = trinitrine
nitroglycerin = nitroglicerina = trinitrine
every # minutes = cada # minutos = toutes les # minutes
torsemide = torasemida = torasémide
each morning = cada mañana = le matin
dobutamine = dobutamina = dobutamine
albuterol = salbutamol = salbutamol
pred = prednisona = prednisone
Atrovent = Atrovent = Atrovent
Solu-Medrol = Solu-Moderin = Solumédrol
methylprednisolone = metilprednisolona = méthylprednisolone
nitrofurantoin = nitrofurantoína = nitrofurantoïne
Macrobid = Furantoína = Furadantine
TMP-SMX = cotrimoxazol = cotrimoxazole
Bactrim = Septrin = Bactrim
co-trimoxazole = cotrimoxazol = cotrimoxazole
# DS tab = # comprimido forte = # comprimé fort
cipro = ciprofloxacino = ciprofloxacine
once = en dosis única = en dose unique
one time = una vez = une fois
Zofran = Zofran = Zophren
ondansetron = ondansetrón = ondansétron
Imodium = Imodium = Imodium
loperamide = loperamida = lopéramide
lactated Ringer's = Ringer lactato = Ringer lactate
LR = Ringer lactato = Ringer lactate
over # hours = en # horas = en # heures
over # hour = en # hora = en # heure
UFH = heparina sódica = héparine
heparin = heparina sódica = héparine
units = UI = UI
U = UI = UI
as bolus = en bolo = en bolus
apixaban = apixabán = apixaban
rivaroxaban = rivaroxabán = rivaroxaban
Xarelto = Xarelto = Xarelto
daily with food = al día con las comidas = par jour au repas
alteplase = alteplasa = altéplase
tPA = alteplasa = altéplase
insulin drip = insulina en perfusión = insuline en continu
regular insulin = insulina regular = insuline rapide
hourly = cada hora = toutes les heures
KCl = cloruro potásico = chlorure de potassium
normal saline = suero fisiológico = sérum physiologique
NS = suero fisiológico = sérum physiologique
insulin lispro = insulina lispro = insuline lispro
Humalog = Humalog = Humalog
TID with meals = con las comidas = aux repas
before meals = antes de las comidas = avant les repas
lisinopril = lisinopril = lisinopril
Zestril = Zestril = Zestril
amlodipine = amlodipino = amlodipine
Norvasc = Norvas = Amlor
qHS = al acostarse = au coucher
losartan = losartán = losartan
HCTZ = hidroclorotiazida = hydrochlorothiazide
hydrochlorothiazide = hidroclorotiazida = hydrochlorothiazide
qAM = por la mañana = le matin
every morning = cada mañana = le matin
every other day = en días alternos = un jour sur deux
carvedilol = carvedilol = carvédilol
Coreg = Coropres = Kredex
spironolactone = espironolactona = spironolactone
once a day = una vez al día = une fois par jour
twice a day = dos veces al día = deux fois par jour
tiotropium = tiotropio = tiotropium
Spiriva = Spiriva = Spiriva
ProAir = Ventolin = Ventoline
#-# puffs = #-# inhalaciones = #-# bouffées
q#h prn = cada # horas si precisa = toutes les # heures si besoin
every # hours as needed = cada # horas si precisa = toutes les # heures si besoin
budesonide-formoterol = budesonida-formoterol = budésonide-formotérol
Symbicort = Symbicort = Symbicort
Glucophage = Dianben = Glucophage
at bedtime = al acostarse = au coucher
nightly = por la noche = le soir
empagliflozin = empagliflozina = empagliflozine
Jardiance = Jardiance = Jardiance
warfarin = warfarina = warfarine
Coumadin = Aldocumar = Coumadine
Lipitor = Zarator = Tahor
atorvastatin = atorvastatina = atorvastatine
omeprazole = omeprazol = oméprazole
Prilosec = Losec = Mopral
before breakfast = en ayunas = à jeun
levothyroxine = levotiroxina = lévothyroxine
Synthroid = Eutirox = Lévothyrox
mcg = \u00b5g = \u00b5g
sertraline = sertralina = sertraline
Zoloft = Besitran = Zoloft
aspirin = aspirina = aspirine
ASA = AAS = aspirine
qd = c/#h = 1x/j
gabapentin = gabapentina = gabapentine
three times a day = tres veces al día = trois fois par jour
cranberry extract = extracto de arándano = extrait de canneberge
# capsule = # cápsula = # gélule
# tabs = # comprimidos = # comprimés
ibuprofen = ibuprofeno = ibuprofène
Advil = Advil = Advil
acetaminophen = paracetamol = paracétamol
daily = al día = par jour
once daily = una vez al día = une fois par jour
twice daily = dos veces al día = deux fois par jour
BID = dos veces al día = deux fois par jour
TID = tres veces al día = trois fois par jour
QID = cuatro veces al día = quatre fois par jour
q#h = cada # horas = toutes les # heures
every # hours = cada # horas = toutes les # heures
prn = si precisa = si besoin
after each stool = tras cada deposición = après chaque selle
continuously = en perfusión continua = en continu
# puffs = # inhalaciones = # bouffées
# sachet = # sobre = # sachet
neb = neb = néb
IV = iv = IV
PO = vo = PO
SC = sc = SC
HPI = Enfermedad actual = Histoire de la maladie
PMH = Antecedentes = Antécédents
meds = Medicación = Traitement
PE: = Exploración: = Examen :
data = Pruebas = Bilan
history of present illness = enfermedad actual = histoire de la maladie
past history = antecedentes = antécédents
medications = medicación = traitement
exam = exploración = examen
results = pruebas = résultats
subjective = subjetivo = subjectif
objective = objetivo = objectif
assessment/plan = juicio/plan = conclusion/plan
Ix = pruebas = bilan
imp/plan = juicio/plan = conclusion/plan
S: = S: = S :
O: = O: = O :
#F = mujer de # años = femme de # ans
#M = varón de # años = homme de # ans
P# = FC # = FC #
# C = # °C = # °C
# / # = # / # = # / #
L/min = L/min = L/min
hpf = campo = champ
mmol = mmol = mmol
k = mil = mille
VTE = tromboembolia = maladie thromboembolique
dyspneic = disneico = dyspnéique
breathing comfortably on room air = eupneico con aire ambiente = eupnéique en air ambiant
ORS = suero oral = SRO
diffuse = difuso = diffus
allergic to = alergia a = allergie à
intolerance to = intolerancia a = intolérance à
DKA = cetoacidosis = acidocétose
UTI = infección urinaria = infection urinaire
chest film = placa de tórax = radio de thorax
poor appetite = hiporexia = perte d'appétit
breathlessness = sensación de ahogo = essoufflement
laboratory panel = analítica = bilan
delirium = delirio = délire
contrast CT = TAC con contraste = TDM injecté
previous episode of = episodio previo de = épisode de
fully settled = con resolución completa = résolutif
urine sample = análisis de orina = analyse d'urines
Eliquis = Eliquis = Eliquis
pitting edema = edema con fóvea = \u0153dème prenant le godet
lobar pneumonia = neumonía lobar = pneumonie lobaire
at night = por la noche = la nuit
amoxicillin-clavulanate = amoxicilina-clavulánico = amoxicilline-acide clavulanique
Augmentin = Augmentine = Augmentin
mg/dL = mg/dl = mg/dL
ng/mL = ng/ml = ng/mL
pg/mL = pg/ml = pg/mL
mEq = mEq = mEq
LRTI = infección respiratoria baja = infection respiratoire basse
echocardiogram = ecocardiograma = échocardiographie
breath = aliento = haleine
heart = corazón = c\u0153ur
high = alto = élevé
low = bajo = bas
since = desde = depuis
sleep = dormir = dormir
with = con = avec
without = sin = sans
and = y = et
or = o = ou
no = no = pas de
of = de = de
in = en = en
for = por = pour
to = a = à
is = está = est
was = fue = était
were = fueron = étaient
by = por = par
this = este = ce
the = el = le
a = un = un
but = pero = mais
any = = 
she = = 
he = = 
per = por = par
"""

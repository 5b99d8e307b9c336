"""Every message a user can meet, in one place, each with its code.

Ranges: 1xx data, 2xx encoder folders, 3xx and 48x pipeline components, 4xx adaptation, 5xx
evaluation, deployment and command line, 6xx translation. A message names the file, line, label or
option and says what to do; it never quotes the text of a note.
"""

from spacy.errors import ErrorsWithCodes


class ClintlError(ValueError):
    """An error the user can mend. The command line prints its message without a traceback."""


class Errors(metaclass=ErrorsWithCodes):
    # 1xx: data in and out
    CL100 = "{path} does not exist. Check the path."
    CL101 = "{path}: {reason}. Check the path, its rights and the space there."

    # raw text
    CL110 = "{path} holds no text file. These kinds are read: {kinds}."
    CL111 = "{path} is no text file of a known kind. These kinds are read: {kinds}."
    CL112 = "{path} cannot be read: {reason}. Replace the file or leave it out."
    CL113 = "{value!r} is no document in a .txt. Known are: {known}."
    CL128 = (
        "{option} must stand behind IN and OUT: "
        "python -m spacy clintl convert FORMAT IN OUT {option} …"
    )
    CL129 = "There is no place for '{value}'. Options of a format are written '--name value'."
    CL130 = "There is no format '{name}'. Known formats: {names}."
    CL131 = "Format '{name}' has no option {option}. Its options: {names}."
    CL132 = "Format '{name}' needs the option {option}."
    CL133 = "The value '{value}' does not fit option {option} of format '{name}'."
    CL134 = "{path} holds no record that can be used ({n} lines skipped; {reason})."
    CL135 = (
        "{path} is not UTF-8 text (near line {line} or soon after). Convert its encoding to UTF-8."
    )
    CL136 = "{path} cannot be read: {reason}. Fetch or write the file again."
    CL137 = (
        "{where}: the line has {n} columns, {expected} were expected. Columns are divided by tabs "
        "or spaces, sentences by a blank line."
    )
    CL138 = (
        "{where}: column {column} holds no entity tag, or the token is empty. Tags are O, B-LABEL, "
        "I-LABEL and the like; choose the column with --label-column."
    )
    CL139 = "{where}: the line has {n} columns, column {column} is not among them (counted from 0)."
    CL140 = "The output {path} must be a file whose name ends in .spacy."
    CL141 = "Unknown policy '{policy}' for {option} entities. Choose one of: {known}."
    CL142 = "{where}: entity offsets {start}-{end} do not fit a text of {n} characters."
    CL143 = (
        "spaCy has no blank pipeline for the language '{lang}', or a package that it needs is not "
        "installed. Check --lang; 'xx' is for any language."
    )
    CL144 = "{path} has no file that matches '{pattern}'."
    CL145 = "{path} has no column '{column}'. Its columns: {columns}."
    CL146 = "'{task}' cannot name a task: the name must not be empty or hold a slash. Set --task."
    CL147 = "Several label columns belong to a multi-label task. Add --multi-label."
    CL148 = "{path} gives no label. Name the labels with --labels or --labels-from."
    CL149 = "Give either --labels or --labels-from, not both."
    CL150 = (
        "{where}: the label '{label}' is not in the given inventory. Add it to --labels, or make "
        "the inventory from a file that has it."
    )
    CL151 = "{path} is not a .spacy file, or it is damaged ({reason}). Convert its source again."
    CL152 = "{path} holds no documents."

    CL153 = "Format '{name}' cannot be written. Formats that can: {names}."
    CL154 = (
        "{path} cannot be converted: either IN or OUT must be a .spacy file (or a folder of them), "
        "and not both."
    )
    CL155 = (
        "{where} cannot be written as token and tag columns: it is not annotated for entities. "
        "Write it in another format, or leave it out."
    )

    CL156 = (
        "temperature is {temperature}, but must be at least 1, or null for one corpus after the "
        "other."
    )
    CL157 = "{path} is listed twice under 'paths' in [corpora]. List it once."
    CL158 = "There is a limit for a corpus '{name}', which is not among: {known}."
    CL159 = (
        "--category is '{value}', but must be TASK/LABEL, such as domain/spoken: a task's name "
        "without a slash, one slash, a label."
    )
    CL160 = "The corpus has no paths. List .spacy files under 'paths' in [corpora]."
    CL161 = "{path} holds no .spacy files. Make some with 'python -m spacy clintl convert'."
    CL171 = (
        "Batches of {size} words (by task: {sizes}) with a tolerance of {tolerance} and "
        "{documents} documents cannot be made. Under [training.batcher], 'size' and each of "
        "'sizes' must be at least 1, 'tolerance' at least 0, and 'documents' at least 1 or null."
    )

    CL162 = (
        "{parts} is no split. Name at least two parts with shares above 0, such as "
        "train=0.8,dev=0.1,test=0.1, or at least two folds."
    )
    CL163 = (
        "No document in {path} has the group '{group}'. Keys that documents have: {known}. Choose "
        "one of them, or leave --group out."
    )
    CL164 = "{path} has {n} groups, too few for {parts} parts. Ask for fewer parts."
    CL165 = "Part '{part}' of the split would be empty. Give it a greater share."

    CL166 = "{option} is {value}, but must be above 0 and at most 1."
    CL167 = (
        "The library {library} is not installed. Install it with: "
        "pip install 'spacy-clintl[corpus]'"
    )
    CL169 = "The chart {path} must be a file whose name ends in {kinds}."
    CL168 = "{value} names no part. Give .spacy files as PATH or NAME=PATH, each name once."
    # files of other tools
    CL170 = (
        "The label '{label}' cannot be written in the format brat, whose types are one word. "
        "Rename it, or write another format."
    )
    CL175 = (
        "{path} declares XML entities, which are never resolved, for safety. Write the file again "
        "without them."
    )
    CL176 = (
        "{path} holds no annotation of the types {types}. Types of annotations there: {found}. "
        "Choose some of them with --option types=NAME,NAME:FEATURE."
    )
    CL180 = (
        "{where}: the tags are numbers. Name the list of what they stand for with --labels O,B-X,… "
        "or --labels-from."
    )
    CL181 = (
        "Label {number} of {path} is no entity tag (counted from 0). List O, B-LABEL, I-LABEL and "
        "the like, in the order of their numbers."
    )
    CL182 = (
        "Some labels are entity tags such as B-X (in the sentence at {tags}), others are plain "
        "names (in the sentence at {runs}). Check --label-column, or say what they are with "
        "--option scheme=tags or --option scheme=runs."
    )
    CL183 = (
        "{where} has categories of several tasks ({tasks}), but a Prodigy task holds one. Choose "
        "one with --task, and write a file a task."
    )
    # tables, pairs, MIMIC
    CL185 = "{path} has the column '{column}' twice. Rename one of them."
    CL186 = (
        "{path} is not text in the encoding '{encoding}' (near line {line} or soon after). Name "
        "its encoding, such as cp1252, with --option encoding=NAME."
    )
    CL187 = "There is no text encoding '{encoding}'. Name one that Python knows, such as cp1252."
    CL188 = (
        "{path} is a Parquet file, which needs pyarrow. Install it with "
        "pip install 'spacy-clintl[formats]'."
    )
    CL189 = (
        "There is no NOTEEVENTS.csv or NOTEEVENTS.csv.gz in {path}. Name the folder that holds it, "
        "or the file itself."
    )
    CL190 = (
        "{path} has no pair of columns of a known name ({known}). Its columns: {columns}. Name "
        "both with --option first=NAME and --option second=NAME."
    )
    CL191 = (
        "{path} speaks of trial records, but there is no folder {folder}. Name their folder with "
        "--option trials=FOLDER."
    )
    CL192 = (
        "{path} is neither JSON lines nor a file of NLI4CT (an object whose values are objects "
        "with a 'Statement'). Name the right file."
    )

    # 2xx: encoder folders
    CL200 = (
        "{path} is not an encoder folder: it has no {missing}. Make one with "
        "'python -m spacy clintl base NAME OUT'."
    )
    CL201 = (
        "The encoder in {path} has model type '{model_type}', which is not a bidirectional encoder "
        "that transformers can train with masked-language modelling. Use a BERT-, RoBERTa-, "
        "DeBERTa-, XLM-R- or similar encoder."
    )
    CL202 = (
        "The encoder in {path} has no fast tokenizer (tokenizer.json). Make the folder again with "
        "'python -m spacy clintl base NAME OUT', which converts slow tokenizers."
    )
    CL203 = (
        "The weights in {path} do not belong to the encoder described in its config.json: "
        "{n_missing} of {n_total} tensors are missing (first: {first}). Fetch the folder again."
    )
    CL204 = "The encoder folder {path} cannot be read: {reason}. Fetch the folder again."

    CL205 = "Unknown precision '{precision}'. Choose 'auto', 'fp32' or 'bf16'."
    CL206 = (
        "Unknown freezing '{freeze}'. Choose 'none', 'all', 'embeddings_and_head' or 'bottom:N' "
        "with N from 0 to {n_layers}."
    )
    CL207 = (
        "A window of {window} word pieces does not fit this encoder, which takes at most {limit}. "
        "Set 'window' in [components.transformer.model] to {limit} or less."
    )
    CL208 = (
        "The transformer has no encoder yet. Run 'nlp.initialize()' with the folder named in "
        "[components.transformer.model], or load a saved pipeline."
    )

    CL209 = (
        "A window of {window} word pieces, {special} of them special, leaves nothing beside an "
        "overlap of {overlap}. Set a larger 'window' or a smaller 'overlap' in "
        "[components.transformer.model]."
    )

    # fetching a base encoder
    CL210 = (
        "No encoder '{name}': it is neither a folder nor an installed package with weights, and "
        "the Hugging Face hub did not give it ({reason}).{hint}"
    )
    CL211 = (
        "The weights of '{name}' ({file}) have the SHA-256 {found}, not {expected}. Nothing was "
        "written. Check --sha256 and --revision, or fetch the source again."
    )
    CL212 = (
        "{path} holds no weights: neither model.safetensors nor pytorch_model.bin, whole or in "
        "shards with their index file."
    )
    CL213 = "The weights in {path} cannot be read: {reason}. Fetch the file again."
    CL214 = (
        "The tokenizer in {path} cannot be read or converted to tokenizer.json: {reason}. If a "
        "library such as sentencepiece or tiktoken is missing, install it and try again."
    )
    CL215 = (
        "The weights of '{name}' are spread over {n_files} files, so that no single SHA-256 "
        "describes them. Leave --sha256 out, or name a source with one weights file."
    )
    CL216 = "--revision belongs to the Hugging Face hub, but '{name}' was found as a {kind}."
    CL217 = (
        "{path} exists and is not what 'spacy clintl base' or 'spacy clintl adapt' wrote, or holds "
        "more than that. It would be deleted: name another folder as OUT."
    )
    CL218 = "The package {package} is installed, but gives no encoder folder: {reason}."
    CL219 = "{path} cannot be written: {reason}."
    CL220 = "'unfreeze_every' is {value}. Give a number of updates, or 0 for all layers at once."
    CL221 = "'{setting}' of the encoder is {value}. Give a rate from 0 to 1."
    CL222 = (
        "The config names no encoder: 'name' under the model of the transformer is null. Give the "
        "folder there, or with --paths.encoder if it is ${paths.encoder}."
    )
    CL223 = (
        "The layers of a {kind} encoder cannot be told apart: they share their weights. Leave out "
        "freezing 'bottom:N', rates by layer and gradual unfreezing."
    )

    # 3xx: pipeline components
    CL300 = (
        "The component '{name}' has no tasks. Give it a table from task names to settings, such as "
        "{{'diagnosis': {{'exclusive': true}}}}, under 'tasks' in its config."
    )
    CL301 = (
        "'{task}' cannot be the name of a task: it must be non-empty text without '/', since "
        "categories are named 'task/label', and without what the config of a saved pipeline cannot "
        "hold in a name, such as '.', ':', '=', '*' and '@'. Letters, digits, '_' and '-' will do."
    )
    CL302 = "Task '{task}' has the unknown setting '{setting}'. Settings of a task are: {known}."
    CL303 = "Task '{task}': the setting '{setting}' is {value!r}, but it must be {expected}."
    CL304 = (
        "There are labels for the unknown task '{task}'. The component '{name}' has the tasks: "
        "{known}. Mend [initialize.components.{name}] or the component's 'tasks'."
    )
    CL305 = (
        "There are no labels for task '{task}'. List them in [initialize.components.{name}.labels] "
        "or leave that whole section out to collect them from the training documents."
    )
    CL306 = "Task '{task}' has the label '{label}' twice."
    CL307 = (
        "Task '{task}' needs at least {least} labels{why}, but has: {labels}. Add labels, or set "
        "'exclusive = false' if they do not exclude each other."
    )
    CL308 = (
        "No training document has a category of task '{task}' ('{task}/…' in doc.cats), so its "
        "head cannot learn. Task names among the categories of the documents: {found}."
    )
    CL309 = (
        "A training document ({where}) has the category '{task}/{label}', but task '{task}' knows "
        "only: {known}. Add the label to [initialize.components.{name}.labels] or, if the "
        "component was trained before, by 'add_label' or spacy_clintl.Grow.v1; or mend the corpus."
    )
    CL310 = (
        "The labels given for {what} differ from those it was trained with. Given: {given}. "
        "Trained with: {trained}. Add labels by 'add_label' or spacy_clintl.Grow.v1, or start from "
        "a new component."
    )
    CL311 = "Unknown pooling '{pooling}'. Choose one of: {known}."
    CL312 = (
        "Task '{task}' excludes labels from each other, but a training document ({where}) has {n} "
        "of them at once ({labels}). Set 'exclusive = false', or mend the corpus."
    )
    CL313 = (
        "Task '{task}': the label '{label}' of 'class_weights' holds what the config of a saved "
        "pipeline cannot hold in a key. Write the weights as a list of pairs instead: "
        'class_weights = [["{label}", 2.0]].'
    )
    CL314 = (
        "A document ({where}) has {value} for the category '{label}': it must be from 0, false, to "
        "1, true. Leave out the categories of what is not known."
    )
    CL315 = (
        "No training document has a true category of task '{task}', whose labels exclude each "
        "other: all are false, so its head cannot learn."
    )
    CL317 = (
        "The components '{one}' and '{two}' both have a task '{task}', whose categories '{task}/…' "
        "they would overwrite each other. Rename the task in one of them, and in its documents."
    )
    CL318 = (
        "Task '{task}' excludes labels from each other, but the values of its categories in a "
        "document ({where}) sum to {total}. Probabilities of its labels must sum to 1; a label "
        "that is true has 1, and the others 0."
    )
    CL319 = (
        "Task '{task}' has 'exclusive = true', as it is unless told otherwise, but its loss is for "
        "labels that do not exclude each other. Set 'exclusive = false', or choose another loss, "
        "such as spacy_clintl.CrossEntropyLoss.v1 or spacy_clintl.FocalLoss.v1."
    )
    CL320 = (
        "No training document has entities, so '{name}' cannot learn. Entities come from {place}; "
        "a document without entity annotation does not count."
    )
    CL321 = "The labels of '{name}' must be a list of different texts without repeats: {labels}."
    CL322 = (
        "A training document ({where}) has an entity with the label '{label}', but the tagger "
        "knows only: {known}. Add it to the labels in [initialize.components] or, if the tagger "
        "was trained before, by 'add_label' or spacy_clintl.Grow.v1; or mend the corpus."
    )
    CL323 = "'{name}' has no labels yet. Run 'nlp.initialize()' or load a trained pipeline."
    CL337 = (
        "The loss of '{name}' is no longer a number. Documents of the batch that are concerned, by "
        "doc.user_data['id']: {ids}. Lower the learning rate, or look at these documents."
    )
    CL338 = (
        "A CRF with one tag has nothing to choose from: it needs O and the tags of at least one "
        "label, but has {n} in all. Give the tagger labels, or set 'crf = false'."
    )
    CL339 = "The setting '{setting}' of '{name}' is {value}, but must be a number of at least 0."
    CL340 = (
        "The model of '{name}' has {n} tags (nO), but its {n_labels} labels need {needed}: O, and "
        "B and I of each. Leave nO out."
    )
    CL349 = (
        "'{name}' has a 'prior_correction', but the tokens of its labels were not counted. Train "
        "it with that setting above 0 (it can be changed afterwards), or set it to 0."
    )

    # losses and class weights
    CL330 = (
        "The loss of task '{task}' of '{name}' is not a number any more, or its gradient is not. "
        'The batch\'s documents: {ids}.{where} Try a smaller learning rate, precision = "fp32" in '
        "the encoder's settings, or another loss; check what these documents hold."
    )
    CL331 = (
        "Task '{task}': 'class_weights' has the label '{label}', which the task does not have. Its "
        "labels: {known}."
    )
    CL332 = (
        "Task '{task}': 'class_weights' has the label '{label}', but no training document has "
        "'{task}/{label}' as a true category. Take it out of 'class_weights', or add documents."
    )
    CL333 = (
        "Task '{task}' of '{name}' has 'class_weights', but they are worked out from the training "
        "documents, which has not happened. Run 'nlp.initialize()', or set 'class_weights' to null."
    )
    CL334 = (
        "The loss of task '{task}' gave {what} of shape {shape}, but it must be {expected}. A loss "
        "gives a value for each document or, as 'class_weights' need where labels do not exclude "
        "each other, for each label; see spacy_clintl.models.losses."
    )
    CL335 = (
        "Task '{task}' has 'exclusive = false', but its loss is for labels that exclude each "
        "other. Choose another, such as spacy_clintl.BinaryCrossEntropyLoss.v1, or "
        "spacy_clintl.FocalLoss.v1 with 'exclusive = false' of its own."
    )
    CL336 = "{loss}: the setting '{setting}' is {value!r}, but it must be {expected}."

    # heads
    CL344 = (
        "Task '{task}' is about pairs of texts, but document {document} is annotated for it and "
        "{what}. A pair is one text, its sides divided by one U+2029; convert pairs with "
        "'python -m spacy clintl convert pairs IN OUT.spacy', or mend the corpus."
    )
    CL345 = (
        "The head of task '{task}' reads the task '{other}', which is not among the component's: "
        "{known}. Mend 'tasks' of its spacy_clintl.ReadsTasks.v1."
    )
    CL346 = (
        "These tasks read each other in a circle: {cycle}. Take one out of 'tasks' of a "
        "spacy_clintl.ReadsTasks.v1."
    )
    CL347 = "spacy_clintl.{head}.v1: '{setting}' is {value!r}, but must be {expected}."
    CL348 = (
        "The saved weights of {head} do not fit its settings. The settings of a trained head must "
        "not be changed in its config; start from a new component to change them."
    )

    # 4xx: adaptation; 490 to 499: what joins a trained pipeline
    CL400 = "There is no usable text in {paths}: {n_empty} empty and {n_bad} unusable records."
    CL401 = (
        "Blocks of {block_length} word pieces do not fit the encoder in {path}, which takes "
        "{min_length} to {limit}. Set --block-length accordingly."
    )
    CL402 = (
        "The tokenizer in {path} has no mask token, which masked-language modelling needs. Choose "
        "another encoder."
    )
    CL403 = (
        "The loss is no longer a number at step {step}. The last good checkpoint is {checkpoint}, "
        "an encoder folder of its own: copy it if you need it. Run again with --no-resume, which "
        "starts anew, and a smaller --learn-rate or --precision fp32."
    )
    CL404 = (
        "No space is left for {folder}. Make room and give the same command again: it goes on from "
        "the last complete checkpoint."
    )
    CL405 = "{option} is {value}, but must be {rule}."
    CL406 = (
        "{head_steps} steps of warming up the head leave nothing of {steps} steps for the encoder. "
        "Lower --head-warmup-steps or raise --epochs or --max-steps."
    )

    # adaptation: vocabulary and corpus
    CL440 = (
        "No words can be added to the tokenizer in {path}: {reason}. Words can be added to "
        "WordPiece, byte-level BPE and Unigram vocabularies. Run again without --add-words."
    )
    CL441 = (
        "The head of {model} cannot be resized for new words. Run again without --add-words, or "
        "choose another encoder."
    )
    CL442 = (
        "Nothing is left to adapt to: each of the {n} documents shares a text with an evaluation "
        "set in {paths}. Give another text, or take the wrong file out of --leave-out."
    )
    CL443 = "--leave-out: there is no usable text in {path}. Give .txt, .jsonl or .spacy with text."

    # adaptation: masking, training and watching it
    CL450 = (
        "--masking whole-word does not know where words begin in this encoder's vocabulary, which "
        "has none of the marks '##', '▁' and 'Ġ'. Run again with --masking piece."
    )
    CL451 = "The architecture {kind} has no gradient checkpointing. Run again without it."
    CL452 = (
        "The loss is no longer a number at step {step}, before the first checkpoint in {folder}. "
        "Check the encoder's weights, or run again with a smaller --learn-rate, with --precision "
        "fp32 or with a smaller --save-every."
    )
    CL453 = (
        "{option} needs held-out documents with word pieces to mask, and there are none. Raise "
        "--held-out, give more than one document, or run again without {option}."
    )
    CL454 = "The main process of this run has stopped; its message says why."

    CL455 = (
        "{model} cannot be adapted: it does not compute the loss of masked word pieces as others "
        "do ({reason}). Choose another encoder."
    )

    # adaptation: folders
    CL470 = (
        "Another process is adapting an encoder to {path} just now. Wait until it has ended, or "
        "name another OUT."
    )
    CL471 = (
        "The tokenizer in {path} does not belong to its weights: its pieces have numbers up to "
        "{highest}, but the encoder has {rows} rows, from number 0 on. Fetch the folder again, or "
        "choose another encoder."
    )
    CL472 = (
        "{path} would be deleted, but {held}, which is read here, lies there. Name another folder "
        "as OUT."
    )
    CL473 = (
        "There is an interrupted run in {folder}, but since then this changed: {changed}. Give the "
        "same command as before to go on with it, or add --no-resume to delete it and start anew."
    )

    CL474 = (
        "The encoder's vocabulary knows nothing of this text: no word piece is left to be masked. "
        "Take an encoder of the text's language, or a multilingual one."
    )

    # weighting of tasks, warming up
    CL480 = (
        "The setting 'weighting' of '{name}' is {value!r}, but must be null or a weighting: "
        'a registered function such as {{"@misc": "spacy_clintl.UncertaintyWeights.v1"}}.'
    )
    CL481 = "spacy_clintl.{function}.v1: '{setting}' is {value!r}, but must be {expected}."
    CL482 = (
        "The weighting of '{name}' compares the tasks of one component, but '{name}' has one task "
        "only. Take spacy_clintl.UncertaintyWeights.v1, which balances it beside other components."
    )
    CL483 = (
        "The setting 'warm_up' of '{name}' is {value!r}, but must be a whole number of updates, 0 "
        "or more."
    )
    CL484 = (
        "'{name}' has the setting 'warm_up' or 'adversarial', but its model '{model}' changes no "
        "gradient on its way to the token vectors: it has no attribute '{attribute}'. Set it to 0, "
        "or use an architecture of spacy_clintl."
    )
    CL485 = (
        "spacy_clintl.TuneHeads.v1 names the component '{name}', {what}. Mend "
        "[initialize.after_init]."
    )
    CL486 = (
        "spacy_clintl.TuneHeads.v1: the settings of '{place}' have '{setting}', but can have: "
        "{known}. Mend [initialize.after_init.components.{place}]."
    )
    CL487 = (
        "spacy_clintl.TuneHeads.v1 names the task '{task}' of '{name}', whose tasks are: {known}. "
        "Mend [initialize.after_init.components.{name}]."
    )
    CL488 = "The setting '{setting}' of '{name}' is {value!r}, but must be true or false."
    CL490 = (
        "{label!r} cannot be added to '{name}' as a label: it must be text, and not an empty one."
    )
    CL491 = (
        "A label is added to '{name}' for the task '{task}', but its tasks are: {known}. Name one "
        "of them, as in add_label('label', task='task') or add_label('task/label'), and add new "
        "tasks by 'add_task' first."
    )
    CL492 = (
        "Task '{task}' of '{name}': the setting '{setting}' cannot be stored with the pipeline. "
        "Give it as in a config, such as {{'@architectures': 'spacy_clintl.LinearHead.v1'}}."
    )
    CL493 = "The settings of task '{task}' cannot be used: {reason}"
    CL494 = (
        "The head of task '{task}' reads the task '{other}', which has learned nothing yet or is "
        "not there; the component has the tasks: {known}. Train that task first, and add this one "
        "afterwards."
    )
    CL495 = (
        "Task '{task}' has 'class_weights', which are checked against or worked out from training "
        "documents. Give 'get_examples' to 'add_task', or set 'class_weights' to null."
    )
    CL496 = (
        "spacy_clintl.Grow.v1 names the component '{name}', {what}. Mend [initialize.after_init]."
    )
    CL497 = (
        "spacy_clintl.Grow.v1: the settings of '{name}' have '{setting}', but can have: {known}. "
        "Mend [initialize.after_init.components.{name}]."
    )
    CL498 = (
        "spacy_clintl.TuneEncoder.v1 names the component '{name}', {what}. Name one with an "
        "AdaptedTransformer in [initialize.after_init]."
    )

    # 5xx: evaluation, deployment, command line
    # experiments
    CL500 = "{path} cannot be read as a plan of experiments: {reason}."
    CL501 = "{path}: {where} has the unknown setting '{setting}'. Known settings: {known}."
    CL502 = "{path}: the setting '{setting}' of {where} is {value!r}, but it must be {expected}."
    CL503 = "{path}: {where} names the unknown {kind} '{name}'. Known: {known}."
    CL504 = "The config {path} of the variant '{variant}' cannot be used: {reason}."
    CL505 = (
        "Variant '{variant}': the pipeline of {path} has no {what} '{name}', which {place} names. "
        "It has: {known}."
    )
    CL506 = (
        "Variant '{variant}': the stock component '{component}' learns one corpus a pipeline, as "
        "documents without gold count as negative there. Set 'corpora: each'."
    )
    CL507 = "{n} of {total} runs failed: {names}. Give the same command again to repeat them."
    CL508 = (
        "{path}, line {line}: no JSON object with the 'id' of a run. Mend or delete the line; only "
        "an incomplete last line is taken for an interrupted run."
    )
    CL509 = "--only names '{name}', but no run has that in its name. Names are such as: {known}."
    CL510 = (
        "The corpus '{corpus}' has no {what}, which '{component}' of variant '{variant}' learns. "
        "Check the plan's 'component' and 'task', and the corpus's file."
    )
    CL511 = "--gpu-id is {gpu_id}, but spaCy finds no GPU here (it needs cupy besides torch)."
    CL512 = "The training process ended with status {status}. Its output is in {log}."
    # comparison of runs
    CL513 = (
        "{path}: the run '{id}' has no {setting} as 'python -m spacy clintl experiment' writes it. "
        "Is this a file of runs?"
    )
    CL514 = "No finished run stands in {paths}. Make runs with: python -m spacy clintl experiment"
    CL515 = "{option} names '{name}', but no run is of that variant. Variants: {known}."
    CL516 = "No run has the score '{score}'. Scores: {known}."
    CL517 = (
        "No run of another variant has the corpus, size and seed of a run of '{variant}', so "
        "nothing can be compared with it. Compare without --against, or do more runs."
    )
    CL518 = (
        "{path} cannot be read: {reason}. Delete it and its run's line and repeat the run; or "
        "delete it alone, then there is no interval."
    )
    CL519 = "{path} cannot be read as a file of runs: {reason}."
    CL520 = "{path} cannot be loaded as a pipeline: {reason}."
    CL521 = (
        "Gold {gold} and scores {scores} must be tables of documents by labels of the same shape, "
        "with one column for each of the {n} labels."
    )
    CL530 = "{path} has no component that can be calibrated, such as multitask_textcat: {names}."
    CL531 = "No document in {path} is annotated for a task of the pipeline. Calibrate on others."
    CL522 = "The thresholds of task '{task}' do not fit its labels: give one, or one a label."
    CL523 = "{path} is neither a wheel nor a folder with a pyproject.toml or setup.py."
    CL524 = (
        "{n} of the given wheels hold a spaCy pipeline; there must be one. Make it with "
        "'python -m spacy package PIPELINE OUT --build wheel'."
    )
    CL525 = "Verification failed while {step}. The last lines of its output:\n{output}"
    CL526 = "{path} is empty, or not UTF-8 text. Name a text file with one note."
    CL527 = (
        "The installed pipeline tried to reach what must not be reached: {violations}. It must "
        "carry all it needs."
    )
    CL528 = "'through' has {setting} {value!r}. Give the language of the corpus, such as 'es'."
    CL529 = (
        "{path} has {n} documents, but the corpus of which it is another form has {expected}. "
        "Make it from the corpus itself."
    )
    CL532 = (
        "{path}: the variant '{variant}' needs a run that the plan does not have: {name}. "
        "Give both variants the same corpora and seeds, and the first one size or the same ones."
    )
    CL533 = "{name} needs the pipeline of {start}, which has failed or is being done elsewhere."
    CL534 = "--precision and --recall cannot both be wanted: give one of them."
    CL535 = (
        "Variant '{variant}': the override '{key}' would change nothing: [{section}] of {path} has "
        "no such setting. It has: {known}."
    )
    CL536 = (
        "The dev documents of '{corpus}' have no score '{score}', which {path} names as 'score'. "
        "They have: {known}."
    )
    CL537 = (
        "{path}: '{setting}' of the corpus '{corpus}' names {file}, which is no .spacy file, or a "
        "damaged one. Convert its source with: python -m spacy clintl convert"
    )

    # 6xx: translation; 600 to 649: translators, projection, translated corpora
    CL600 = "{name} does not translate {pair}. It has: {known}.{hint}"
    CL601 = (
        "Apertium's {path} cannot be used: {reason}. Install Apertium anew, with its language "
        "pairs: {install}"
    )
    CL602 = "{name}: '{setting}' is {value!r}, but must be {expected}."
    CL603 = "{path} is no dictionary of a known kind. These kinds are read: {kinds}."
    CL604 = (
        "{where}: a phrase and its translation were expected, divided by one tab in a .tsv file, "
        'or as {{"source": …, "target": …}} in a .jsonl file, without line breaks, other control '
        "characters or lone surrogates."
    )
    CL605 = (
        "The cache {path} cannot be used: {reason}. Delete the file to begin anew, or name another."
    )
    CL625 = "{path} is no cache but {what}; it stays as it is. Name another file."
    CL606 = (
        "The cache {path} is locked by another process for too long. Wait for it to end and give "
        "the same command again, or name another file."
    )
    CL607 = (
        "The cache {path} holds readable text, and shall keep hashes only. Name another file, or "
        "delete this one."
    )
    CL608 = (
        "spaCy has no blank pipeline for the language '{lang}', or a package that it needs is not "
        "installed. Check --from and --to; 'xx' is for any language."
    )
    CL609 = "The lexicon translator needs a dictionary. Name one with --lexicon FILE.tsv."
    CL610 = (
        "'{name}' is a registered function, but makes no {kind}: it must give an object of a "
        "subclass of spacy_clintl's own."
    )
    CL611 = (
        "{projector} cannot be used with {name}, which {thing}. Choose another --projector, or "
        "leave it out."
    )
    CL612 = "{path} cannot be used as a config: {reason}"
    CL613 = "There is no {kind} '{name}'. Known: {known}."
    CL614 = (
        "{n} of {total} segments could not be translated: {reasons}. {path} was not written. Give "
        "the same command again to try them once more (with --cache, nothing else is translated "
        "again), or leave their documents out with --drop-failed."
    )
    CL617 = (
        "{name} does not say which words it left untranslated, so that a dictionary for those is "
        "of no use with it. Leave the dictionary out, or translate with Apertium."
    )
    CL618 = (
        "No word of {path} has {letters} lower-case letters or more. Name raw texts, such as notes "
        "(.txt, .jsonl, .spacy)."
    )
    CL619 = (
        "{name} needs settings: {settings}. Write them into a .cfg file with a block [{kind}] that "
        "has '@misc = \"{name}\"', and name the file instead."
    )
    # translation models and services
    CL620 = (
        "The model in {path} does not know the language '{lang}'. Give its own code of it under "
        "'languages', or choose another model."
    )
    CL621 = "The folder {path} cannot be used as a translation model: {reason}"
    CL622 = (
        "The tokenizer in {path} needs a library that is not installed. Install it with: "
        "pip install 'spacy-clintl[sentencepiece]'"
    )
    CL630 = (
        "{name} sends text to another machine, which needs 'allow_remote = true' in its block "
        "[translator]. Nothing was sent."
    )
    CL631 = (
        "Google Cloud Translation cannot be used: {reason}. Check project, location, rights, "
        "model and the two languages."
    )
    CL632 = (
        "Google Cloud Translation needs an access token. Install its library with "
        "pip install 'spacy-clintl[google]', or put a token into the environment variable "
        "{variable}."
    )
    CL633 = (
        "Google Cloud Translation gave no access token ({reason}). Set application default "
        "credentials up with: gcloud auth application-default login"
    )
    # alignment
    CL650 = "The setting '{setting}' is {value!r}, but must be {rule}."
    CL651 = "{path} cannot be read as text in two columns: {reason}."
    CL652 = "{path}, line {line}: two columns, divided by a tab, were expected."
    CL653 = "{path} holds no pair of words or sentences: two columns, divided by a tab."
    CL660 = (
        "{source} has {n:,} documents, but {target} has {m:,}. Give a translation of each "
        "document, in the same order or with the same ids."
    )
    CL661 = (
        "{option} is for the statistical aligner: an encoder learns nothing. Leave one of both out."
    )
    CL662 = (
        "Only {n:,} of the {m:,} documents of {source} and {target} have the same ids. Give each "
        "document the id of its translation, or none of them, so that they are paired in order."
    )
    # the component translation_transfer
    CL680 = (
        "'{name}': the pipeline '{pipeline}' that it shall wrap cannot be loaded: {reason}. Name "
        "an installed package or a folder in its setting 'pipeline'."
    )
    CL681 = (
        "'{name}' wraps no pipeline. Name one for the language '{target}' in its setting "
        "'pipeline'."
    )
    CL682 = (
        "'{name}': {projector} cannot carry entities back, as {reason}. Leave 'projector' out "
        "where the translator gives links, or name one that works from the two texts alone."
    )
    CL683 = (
        "'{name}' carries entities back along links between words, and {translator} gives none. "
        "Choose another translator, or projector = 'alignment', which works from the two texts "
        "alone; with 'entities = false' there are categories only."
    )
    CL684 = (
        "'{name}' translates to '{target}', but the pipeline to wrap is for '{lang}'. Name another "
        "under 'pipeline', or set 'target'."
    )
    CL686 = (
        "The pipeline in '{name}' gave nothing for the translation of a document: one of its "
        "components failed, and its errors are passed over. Look at them ('set_error_handler')."
    )
    CL685 = (
        "{path} cannot be loaded: {reason}. It was written with the component '{name}'; save the "
        "pipeline anew."
    )


class Warnings(metaclass=ErrorsWithCodes):
    CW160 = (
        "{n} documents of {max_length} tokens or more have no sentence boundaries and were left "
        "out of the corpus. Raise max_length, or convert them with sentences."
    )
    CW161 = (
        "{n} documents are annotated for entities only in part, which the format has no place for: "
        "what is not annotated reads as if it were, without entities. 'records' keeps the "
        "difference."
    )
    CW171 = (
        "'sizes' under [training.batcher] has words for tasks that no document is annotated for: "
        "{tasks}. The documents are annotated for: {seen}."
    )
    CW316 = (
        "The development documents have categories that the pipeline does not know; they are left "
        "out: {labels}."
    )
    CW341 = (
        "There is an extension 'span._.{attribute}' already that computes its value, so '{name}' "
        "writes no confidences. Remove it, or set 'confidence = false'."
    )
    CW498 = (
        "In the last {n} updates the transformer got no gradient, so it learns nothing. spaCy lets "
        "the last component that listens to a transformer send the gradients of all, and it does "
        "not if it is frozen or disabled. Put a component that is trained behind it in the "
        "pipeline, give the frozen one its own transformer ('replace_listeners' beside 'source'), "
        "or instead of freezing it set 'loss_weight = 0' of an iob_ner, 'weight = 0' of all tasks "
        "of a multitask_textcat."
    )
    CW660 = (
        "{source} and {target} do not look like translations of each other: their sentences have "
        "hardly more words in common ({ratio:.1f} times as many) than any two of them. See whether "
        "the documents are in the same order. Entities were carried over nevertheless."
    )
    CW680 = (
        "'{name}': {n} of {total} segments could not be translated ({reasons}). Nothing is "
        "annotated in them."
    )
    CW681 = (
        "There is an extension '{attribute}' already that computes its value, so '{name}' does not "
        "set it."
    )

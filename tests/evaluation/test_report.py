from spacy_clintl.evaluation.report import percent, tables

PRF = {"p": 1.0, "r": 0.5, "f": 2 / 3}


def test_a_group_of_spans_has_a_table():
    scores = {"spans_my_per_type_f": 0.0, "spans_drugs_per_type": {"DRUG": PRF}}
    assert tables(scores) == []
    (group,) = tables(scores | {f"spans_drugs_{x}": 0.5 for x in "prf"})
    assert group.title == "Entities of doc.spans['drugs']"
    assert group.rows[0] == ("DRUG", "100.00", "50.00", "66.67")
    assert group.rows[1] == ("all", "50.00", "50.00", "50.00")


def test_one_table_a_task_and_one_for_entities():
    scores = {
        "token_acc": 1.0,
        "speed": 900.0,
        "cats_my_task_macro_p": 0.25,
        "cats_my_task_macro_r": 0.5,
        "cats_my_task_macro_f": 1 / 3,
        "cats_my_task_micro_f": 0.4,
        "cats_my_task_acc": 0.6,
        "cats_my_task_n": 1200,
        "cats_my_task_f_per_type": {"a/b": PRF},
        "cats_my_task_auc_per_type": {"a/b": 0.75, "c": None},
        "cats_my_task_macro_auc": 0.75,
        "cats_signs_macro_f": 0.0,
        "cats_signs_f_per_type": {},
        "ents_p": 0.5,
        "ents_r": 0.25,
        "ents_f": 1 / 3,
        "ents_per_type": {"SIGN": PRF},
    }
    task, signs, ents = tables(scores)
    assert task.title == "Task my_task (1,200 documents)"
    assert task.rows == [
        ("a/b", "100.00", "50.00", "66.67", "75.00"),
        ("c", "-", "-", "-", "-"),
        ("macro", "25.00", "50.00", "33.33", "75.00"),
        ("micro", "-", "-", "40.00", "-"),
        ("accuracy", "-", "-", "60.00", "-"),
    ]
    assert signs.title == "Task signs"
    assert signs.rows[0] == ("macro", "-", "-", "0.00", "-")
    assert ents.rows == [("SIGN", "100.00", "50.00", "66.67"), ("all", "50.00", "25.00", "33.33")]
    for table in (task, signs, ents):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_keys_of_the_stock_text_categorizer():
    [table] = tables({"cats_f_per_type": {"A": PRF}, "cats_macro_f": 0.5, "cats_micro_f": 0.5})
    assert table.title == "Categories"
    assert table.rows[1] == ("macro", "-", "-", "50.00", "-")


def test_what_was_not_scored_has_no_table():
    assert tables({"ents_f": None, "ents_per_type": None, "cats_x_f_per_type": None}) == []
    assert tables({}) == []


def test_percent():
    assert [percent(x) for x in (None, 0, 1, 0.12345)] == ["-", "0.00", "100.00", "12.35"]

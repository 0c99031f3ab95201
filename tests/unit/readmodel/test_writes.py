"""The fewest operations that leave the same documents."""

from __future__ import annotations

from pymongo import DeleteMany as BulkDeleteMany
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo import UpdateMany as BulkUpdateMany

from services.common.documents import Delete, DeleteMany, Replace, Update, UpdateMany
from services.common.readmodel.writes import compile_writes


def test_the_last_write_of_a_document_stands() -> None:
    compiled = compile_writes(
        [
            Replace("truths", {"_id": 1, "n": 1}),
            Delete("truths", 2),
            Replace("truths", {"_id": 1, "n": 2}),
            Replace("truths", {"_id": 2, "n": 3}),
            Replace("truths", {"_id": 3}),
            Delete("truths", 3),
            Replace("run_rows", {"_id": 1}),
        ]
    )

    assert compiled == {
        "truths": [
            DeleteOne({"_id": 3}),
            ReplaceOne({"_id": 1}, {"_id": 1, "n": 2}, upsert=True),
            ReplaceOne({"_id": 2}, {"_id": 2, "n": 3}, upsert=True),
        ],
        "run_rows": [ReplaceOne({"_id": 1}, {"_id": 1}, upsert=True)],
    }


def test_what_concerns_many_documents_keeps_its_place() -> None:
    compiled = compile_writes(
        [
            Replace("truths", {"_id": 1, "n": 1}),
            UpdateMany("truths", {"n": 1}, {"$set": {"n": 2}}),
            Replace("truths", {"_id": 1, "n": 1}),
            DeleteMany("truths", {"n": 2}),
        ]
    )

    put = ReplaceOne({"_id": 1}, {"_id": 1, "n": 1}, upsert=True)
    assert compiled["truths"] == [put, BulkUpdateMany({"n": 1}, {"$set": {"n": 2}}), put, BulkDeleteMany({"n": 2})]


def test_what_is_new_is_not_looked_for_unless_the_batch_has_named_it() -> None:
    compiled = compile_writes(
        [
            Replace("truths", {"_id": 1, "n": 1}),
            Replace("truths", {"_id": 2, "n": 1}, new=True),
            Replace("truths", {"_id": 3, "n": 1}, new=True),
            Replace("truths", {"_id": 3, "n": 2}, new=True),
            Delete("truths", 4),
            Replace("truths", {"_id": 4, "n": 1}, new=True),
        ]
    )

    assert compiled["truths"] == [
        InsertOne({"_id": 2, "n": 1}),
        *(ReplaceOne({"_id": id}, {"_id": id, "n": n}, upsert=True) for id, n in ((1, 1), (3, 2), (4, 1))),
    ]


def test_what_is_set_joins_what_was_written_before() -> None:
    compiled = compile_writes(
        [
            Update("truths", 1, {"n": 1, "m": 1}),
            Update("truths", 1, {"n": 2}),
            Replace("truths", {"_id": 2, "n": 1}),
            Update("truths", 2, {"n": 2}),
            Replace("truths", {"_id": 3, "n": 1}, new=True),
            Update("truths", 3, {"m": 2}),
            Delete("truths", 4),
            Update("truths", 4, {"n": 1}),
            Update("truths", 5, {"n": 1}),
            Replace("truths", {"_id": 5, "m": 1}),
            Update("truths", 6, {"n": 1}),
            Delete("truths", 6),
        ]
    )

    assert compiled["truths"] == [
        DeleteOne({"_id": 4}),
        DeleteOne({"_id": 6}),
        InsertOne({"_id": 3, "n": 1, "m": 2}),
        ReplaceOne({"_id": 2}, {"_id": 2, "n": 2}, upsert=True),
        ReplaceOne({"_id": 5}, {"_id": 5, "m": 1}, upsert=True),
        UpdateOne({"_id": 1}, {"$set": {"n": 2, "m": 1}}),
    ]


def test_nothing_is_nothing() -> None:
    assert compile_writes([]) == {}

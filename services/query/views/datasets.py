"""Datasets and their committed versions."""

from __future__ import annotations

from services.common.readmodel.collections import DATASET_VERSIONS, DATASETS
from services.common.runtime.errors import Problem, not_found
from services.query.answers import Answer, Page
from services.query.reads import BY_NAME, Document, Reads


class Dataset(Answer):
    """A named set of data rows. `draft` is the number that the next committed version gets."""

    dataset_id: str
    name: str
    ontology_id: str
    draft: int
    created_unix_ms: int


class DatasetVersion(Answer):
    """A committed version: its truth never changes. `truth_digest` names its whole truth, if one import made it."""

    dataset_id: str
    version: int
    truth_digest: str | None
    committed_unix_ms: int


async def dataset(reads: Reads, dataset_id: str) -> Dataset:
    """One dataset."""
    return _dataset(await document(reads, dataset_id))


async def datasets(
    reads: Reads, *, name: str | None = None, page_size: int, page_token: str | None = None
) -> Page[Dataset]:
    """All datasets by name, or the one of that name."""
    documents, token = await reads.listing(
        DATASETS, {"name": name}, order=BY_NAME, page_size=page_size, page_token=page_token
    )
    return Page(items=[_dataset(document) for document in documents], next_page_token=token)


async def dataset_versions(
    reads: Reads, dataset_id: str, *, page_size: int, page_token: str | None = None
) -> Page[DatasetVersion]:
    """Committed versions of a dataset, the newest first."""
    await document(reads, dataset_id)
    documents, token = await reads.listing(
        DATASET_VERSIONS,
        {"dataset_id": dataset_id},
        order=(("version", -1),),
        page_size=page_size,
        page_token=page_token,
    )
    return Page(items=[_version(document) for document in documents], next_page_token=token)


async def dataset_version(reads: Reads, dataset_id: str, version: int) -> DatasetVersion:
    """One committed version."""
    await document(reads, dataset_id)
    found = await reads.one(DATASET_VERSIONS, dataset_id, str(version))
    if found is None:
        raise _no_version()
    return _version(found)


async def document(reads: Reads, dataset_id: str, version: int | None = None) -> Document:
    """A dataset as it is stored. A version has to be a committed one, or the draft."""
    found = await reads.one(DATASETS, dataset_id)
    if found is None:
        raise not_found("dataset")
    if version not in (None, found["draft"]) and await reads.one(DATASET_VERSIONS, dataset_id, str(version)) is None:
        raise _no_version()
    return found


def _no_version() -> Problem:
    return not_found("version of this dataset", "GET /v1/datasets/{dataset_id}/versions lists those that are committed")


def _dataset(document: Document) -> Dataset:
    return Dataset(
        dataset_id=document["dataset_id"],
        name=document["name"],
        ontology_id=document["ontology_id"],
        draft=document["draft"],
        created_unix_ms=document["created_unix_ms"],
    )


def _version(document: Document) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=document["dataset_id"],
        version=document["version"],
        truth_digest=document["truth_digest"],
        committed_unix_ms=document["committed_unix_ms"],
    )

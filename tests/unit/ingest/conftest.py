"""A catalog and rows without I/O: handlers, a dictionary for the read model, lists for the topics."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from services.common.documents import Delete, DeleteMany, Read, Replace, Update, UpdateMany
from services.common.eventlog.topics import CATALOG, DATA_ROWS, GROUND_TRUTH
from services.common.runloop.handling import Batch, Delivery, Handler, Outcome, Outgoing
from services.ingest.handlers import CatalogHandler, RowsHandler
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
from sightline.wire.events.v1.event_pb2 import Event

PARTITIONS = 2


class FakeStore:
    """Documents by collection and `_id`, and the few operators that ingest asks with."""

    def __init__(self) -> None:
        self.collections: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)

    def find(self, read: Read) -> list[dict[str, Any]]:
        documents = self.collections[read.collection].values()
        return [copy.deepcopy(d) for d in documents if matches(d, read.filter)]

    def write(self, outcome: Outcome) -> None:
        for write in outcome.writes:
            documents = self.collections[write.collection]
            match write:
                case Replace():
                    documents[write.document["_id"]] = copy.deepcopy(dict(write.document))
                case Delete():
                    documents.pop(write.id, None)
                case DeleteMany():
                    for id in [id for id, document in documents.items() if matches(document, write.filter)]:
                        del documents[id]
                case Update() | UpdateMany():
                    raise AssertionError("ingest updates no documents in place")


def matches(document: Any, filter: Any) -> bool:
    for field, wanted in filter.items():
        value = document.get(field)
        values = value if isinstance(value, list) else [value]
        match wanted:
            case {"$in": options}:
                fine = any(v in options for v in values)
            case {"$elemMatch": inner}:
                fine = any(matches(v, inner) for v in values)
            case {"$ne": other}:
                fine = value != other
            case _:
                fine = value == wanted
        if not fine:
            return False
    return True


class Loop:
    """Applies batches as the run loop does."""

    def __init__(self, handler: Handler, store: FakeStore, partition: int = 0) -> None:
        self.handler = handler
        self.store = store
        self.partition = partition
        self.offsets: defaultdict[str, int] = defaultdict(int)
        self.memory = self.recalled()

    def recalled(self) -> Any:
        return self.handler.remember(self.partition, self._find(self.handler.recall(self.partition)))

    def _find(self, reads: Sequence[Read]) -> dict[str, list[dict[str, Any]]]:
        state: dict[str, list[dict[str, Any]]] = {}
        for read in reads:
            state.setdefault(read.collection, []).extend(self.store.find(read))
        return state

    def apply(self, *events: tuple[str, str, Event]) -> Outcome:
        deliveries: list[Delivery] = []
        for topic, key, event in events:
            deliveries.append(Delivery(topic, self.partition, self.offsets[topic], key, event))
            self.offsets[topic] += 1
        batch = Batch(self.partition, deliveries, dict(self.offsets))
        state = self._find(self.handler.reads(batch, self.memory))
        before = copy.deepcopy((state, self.memory))
        outcome = self.handler.handle(batch, state, self.memory)
        assert (state, self.memory) == before, "a handler may be asked again: it changes nothing in place"
        again = self.handler.handle(batch, state, self.memory)
        assert (outcome.writes, outcome.events) == (again.writes, again.events)
        self.store.write(outcome)
        self.memory = outcome.memory
        assert self.memory == self.recalled(), "what a partition remembers is what it would recall"
        return outcome


class Catalog(Loop):
    """The catalog, asked request by request."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(CatalogHandler(PARTITIONS), store)
        self.markers: list[Outgoing] = []
        self.times = 0

    def ask(self, project: str = "default", id: str | None = None, **what: Any) -> dict[str, Any]:
        return self.ask_all((project, id, what))[0]

    def ask_all(self, *asked: tuple[str, str | None, dict[str, Any]]) -> list[dict[str, Any]]:
        """Ask for several things in one batch; the decisions."""
        events: list[tuple[str, str, Event]] = []
        ids: list[str] = []
        for project, id, what in asked:
            self.times += 1
            request = CatalogRequest(request_id=id or f"request-{self.times}", **what)
            ids.append(f"{project}/{request.request_id}")
            event = Event(
                event_id=f"event-{self.times}",
                project_id=project,
                time_unix_ms=self.times,
                schema_version=1,
                catalog_request=request,
            )
            events.append((CATALOG, project, event))
        self.markers = list(self.apply(*events).events)
        return [self.store.collections["catalog_decisions"][id] for id in ids]


class Rows(Loop):
    """One row partition."""

    def __init__(self, store: FakeStore, partition: int = 0) -> None:
        super().__init__(RowsHandler(partition + 1), store, partition)

    def data_row(self, key: str, **said: Any) -> tuple[str, str, Event]:
        event = Event(project_id="p", schema_version=1)
        event.data_row_upserted.dataset_id = "d"
        event.data_row_upserted.global_key = key
        for name, value in said.items():
            setattr(event.data_row_upserted, name, value)
        return DATA_ROWS, f"p/d/{key}", event

    def truth(self, key: str, import_id: str, **said: Any) -> tuple[str, str, Event]:
        event = Event(project_id="p", schema_version=1)
        replaced = event.ground_truth_replaced
        replaced.dataset_id, replaced.global_key, replaced.import_id, replaced.chunks = "d", key, import_id, 1
        for name, value in said.items():
            setattr(replaced, name, value)
        return GROUND_TRUTH, f"p/d/{key}", event

    def ended(self, import_id: str, unlabel_others: bool = True) -> tuple[str, str, Event]:
        event = Event(project_id="p", schema_version=1)
        event.import_ended.dataset_id, event.import_ended.import_id = "d", import_id
        event.import_ended.unlabel_others = unlabel_others
        return GROUND_TRUTH, "p", event

    def committed(self, version: int, source_offset: int) -> tuple[str, str, Event]:
        event = Event(project_id="p", schema_version=1)
        event.marker.source_offset = source_offset
        event.marker.version_committed.dataset_id = "d"
        event.marker.version_committed.dataset_version = version
        return GROUND_TRUTH, "p", event

    def row(self, key: str) -> dict[str, Any]:
        return self.store.collections["data_rows"][f"p/d/{key}"]

    def labelled(self, key: str) -> list[tuple[int, int | None, str]]:
        return [(i["from"], i["to"], i["import_id"]) for i in self.row(key)["labelled"]]


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(FakeStore())


@pytest.fixture
def rows() -> Rows:
    return Rows(FakeStore())

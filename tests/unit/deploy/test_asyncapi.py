"""The AsyncAPI document says what is true of the topics, and nothing in it leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc_tools import protoc
from ruamel.yaml import YAML

from services.common.eventlog.port import Record
from services.common.eventlog.topics import DEAD_LETTERS, PREDICTIONS, topics
from services.common.runloop.dead_letters import dead_letter
from sightline.wire.events.v1.event_pb2 import Event

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / "docs" / "asyncapi.yaml").read_text())


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def at(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        document = document[step]
    return document


def test_nothing_leads_nowhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert at(document, reference)


def test_channels_are_the_topics(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    channels = document["channels"]
    assert channels.keys() == {topic.name for topic in topics()}
    for topic in topics():
        channel = channels[topic.name]
        assert channel["address"] == topic.name
        assert topic.key in channel["description"]
        assert tuple(channel["messages"]) == (topic.payloads or ("dead_letter",))
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["retention.ms"] == topic.retention_ms
        assert kafka["topicConfiguration"]["max.message.bytes"] == topic.max_message_bytes


def test_messages_are_the_payloads_with_all_their_fields(document: dict[str, Any]) -> None:
    fields = {field.name: field.message_type for field in Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    messages = dict(document["components"]["messages"])
    assert messages.pop("dead_letter")
    assert messages.keys() == fields.keys()
    for name, message in messages.items():
        assert message["summary"]
        said = at(document, message["x-payload-field"]["schema"]["$ref"])
        assert said["properties"].keys() == {field.name for field in fields[name].fields}


def test_the_definitions_compile_by_themselves(document: dict[str, Any], tmp_path: Path) -> None:
    schema = document["components"]["schemas"]["EventProtobuf"]
    assert schema["schemaFormat"] == "application/vnd.google.protobuf;version=3"
    (tmp_path / "all.proto").write_text(schema["schema"])
    assert protoc.main(["protoc", f"-I{tmp_path}", f"--descriptor_set_out={tmp_path / 'out'}", "all.proto"]) == 0


def test_producers_outside_write_predictions_alone(document: dict[str, Any]) -> None:
    operations = document["operations"].values()
    received = [each for each in operations if each["action"] == "receive"]
    assert [each["channel"]["$ref"] for each in received] == [f"#/channels/{PREDICTIONS}"]
    # An operation names messages of its channel.
    for each in operations:
        assert all(message["$ref"].startswith(each["channel"]["$ref"] + "/messages/") for message in each["messages"])


def test_the_headers_of_dead_letters_are_those_that_they_have(document: dict[str, Any]) -> None:
    record = Record(PREDICTIONS, 0, 0, b"k", b"v", (), 1)
    letter = dead_letter(record, onto=DEAD_LETTERS, group="g", reason="r", bug=False, time_unix_ms=1)
    headers = document["components"]["messages"]["dead_letter"]["headers"]
    assert set(headers["required"]) == {name for name, _ in letter.headers}
    assert set(headers["required"]) < headers["properties"].keys()

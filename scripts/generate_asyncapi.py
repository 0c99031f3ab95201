"""Generate the AsyncAPI document of the log from `topics.py` and `proto/`. With --check, only say whether it is so.

The query service serves it; `docs/asyncapi.yaml` is a link to it.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

import sightline
from services.common.eventlog.topics import DEAD_LETTERS, DEFAULT_ROW_PARTITIONS, PREDICTIONS, Topic, topics
from services.common.runloop.dead_letters import HEADERS, PREFIX, REPLAYS

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
EVENTS = PROTO / "sightline" / "events" / "v1"
TARGET = ROOT / "services" / "query" / "asyncapi.yaml"

Json = dict[str, Any]

PROTOBUF = "application/vnd.google.protobuf;version=3"
BINDING = "0.5.0"
OUTSIDE = ("predictions_upserted", "predictions_deleted")
"""What producers outside may put onto `predictions`."""

DESCRIPTION = """\
The log of Sightline: Apache Kafka, or the embedded log of one machine.

Every message is one `sightline.events.v1.Event`, in protobuf; its payload says what happened. Producers outside write
onto `predictions` alone; what can never be applied is put onto `dead-letters`, as it came, with headers that say where
it came from and why. Names of topics get the installation's prefix.
"""
PARTITIONER = "murmur2 of the key, as Kafka's Java clients place it (librdkafka: `partitioner=murmur2_random`)"

_KINDS: Mapping[int, Json] = {
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptorProto.TYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0},
}


class Protos:
    """The events' definitions, with their comments."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.messages: dict[str, DescriptorProto] = {}
        self.enums: dict[str, list[str]] = {}
        self._comments: dict[tuple[str, str], str] = {}
        for file in files.file:
            if file.package == "sightline.events.v1":
                self._read(file)
        self.payloads = {field.name: field.type_name.rpartition(".")[2] for field in self.messages["Event"].field}

    def comment(self, message: str, field: str = "") -> str:
        """What stands above a message or a field."""
        return self._comments.get((message, field), "")

    def schema(self, name: str) -> Json:
        """A message as JSON Schema describes it."""
        message = self.messages[name]
        fields = {field.name: self._field(message, field) for field in message.field}
        return {"type": "object", "description": self.comment(name), "properties": fields}

    def _read(self, file: FileDescriptorProto) -> None:
        self.messages |= {message.name: message for message in file.message_type}
        self.enums |= {enum.name: [value.name for value in enum.value] for enum in file.enum_type}
        for place in file.source_code_info.location:
            text = " ".join(line.strip() for line in place.leading_comments.splitlines())
            match list(place.path):
                case [4, message]:
                    self._comments[file.message_type[message].name, ""] = text
                case [4, message, 2, field]:
                    inside = file.message_type[message]
                    self._comments[inside.name, inside.field[field].name] = text
                case _:
                    pass

    def _field(self, message: DescriptorProto, field: FieldDescriptorProto) -> Json:
        described = self._kind(message, field)
        if text := self.comment(message.name, field.name):
            described = (
                {"allOf": [described], "description": text}
                if "$ref" in described
                else {**described, "description": text}
            )
        return described

    def _kind(self, message: DescriptorProto, field: FieldDescriptorProto) -> Json:
        name = field.type_name.rpartition(".")[2]
        for nested in message.nested_type:
            if nested.name == name and nested.options.map_entry:
                return {"type": "object", "additionalProperties": self._kind(message, nested.field[1])}
        match field.type:
            case FieldDescriptorProto.TYPE_MESSAGE:
                kind: Json = {"$ref": f"#/components/schemas/{name}"}
            case FieldDescriptorProto.TYPE_ENUM:
                kind = {"type": "string", "enum": self.enums[name]}
            case _:
                kind = dict(_KINDS[field.type])
        repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
        return {"type": "array", "items": kind} if repeated else kind


def read_protos() -> Protos:
    """Compile the definitions of events."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "events.bin"
        sources = sorted(str(path.relative_to(PROTO)) for path in EVENTS.glob("*.proto"))
        arguments = ["protoc", f"-I{PROTO}", "--include_source_info", f"--descriptor_set_out={out}", *sources]
        if protoc.main(arguments):  # pyright: ignore[reportUnknownMemberType]
            sys.exit("protoc failed")
        return Protos(FileDescriptorSet.FromString(out.read_bytes()))


def one_proto() -> str:
    """All definitions of events as one file, which needs no other."""
    said = [path.read_text() for path in sorted(EVENTS.glob("*.proto"))]
    bodies = [re.sub(r"^(syntax|package|import) .*;\n", "", text, flags=re.MULTILINE).strip() for text in said]
    return "\n\n".join(['syntax = "proto3";', "package sightline.events.v1;", *bodies]) + "\n"


def document() -> Json:
    """The AsyncAPI document."""
    protos, all_topics = read_protos(), topics()
    payloads = sorted({payload for topic in all_topics for payload in topic.payloads})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sightline's log",
            "version": sightline.__version__,
            "description": LiteralScalarString(DESCRIPTION),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/x-protobuf",
        "servers": {
            "kafka": {
                "host": "{bootstrap_server}",
                "protocol": "kafka",
                "description": "The cluster that SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS names.",
                "variables": {"bootstrap_server": {"default": "localhost:9092"}},
            }
        },
        "channels": {topic.name: channel(topic) for topic in all_topics},
        "operations": {
            "receivePredictions": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{PREDICTIONS}"},
                "summary": "Producers outside say what a run predicts.",
                "description": "Predictions outside an import need uuids. What is refused in an upload is refused here "
                "too, and becomes a dead letter.",
                "messages": [{"$ref": f"#/channels/{PREDICTIONS}/messages/{payload}"} for payload in OUTSIDE],
            },
            "sendDeadLetters": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{DEAD_LETTERS}"},
                "summary": "What can never be applied is put aside.",
                "messages": [{"$ref": f"#/channels/{DEAD_LETTERS}/messages/dead_letter"}],
            },
        },
        "components": {
            "messages": {**{payload: message(protos, payload) for payload in payloads}, "dead_letter": dead_letter()},
            "schemas": {
                "EventProtobuf": {"schemaFormat": PROTOBUF, "schema": LiteralScalarString(one_proto())},
                **{name: protos.schema(name) for name in sorted(protos.messages)},
            },
        },
    }


def channel(topic: Topic) -> Json:
    """A topic."""
    said = [f"Key: {topic.key}."]
    said.append("One partition, one order." if topic.partitions == 1 else f"Partition: {PARTITIONER}.")
    if "marker" in topic.payloads:
        said.append(
            "All row topics have one count of partitions, fixed when they are made (ROW_PARTITIONS; here the usual "
            f"{DEFAULT_ROW_PARTITIONS}); markers and ends of imports go to every one of them."
        )
    names = topic.payloads or ("dead_letter",)
    return {
        "address": topic.name,
        "description": " ".join(said),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_ms,
                    "retention.bytes": -1,
                    "max.message.bytes": topic.max_message_bytes,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def message(protos: Protos, payload: str) -> Json:
    """An event with a payload."""
    name = protos.payloads[payload]
    return {
        "name": payload,
        "title": name,
        "summary": protos.comment(name),
        "contentType": "application/x-protobuf",
        "payload": {"$ref": "#/components/schemas/EventProtobuf"},
        "x-payload-field": {"name": payload, "schema": {"$ref": f"#/components/schemas/{name}"}},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
    }


def dead_letter() -> Json:
    """What was put aside: the record as it came, whatever it holds."""
    said = {f"{PREFIX}{name}": {"type": "string", "description": text} for name, text in HEADERS.items()}
    replays = {"type": "string", "description": "on the replay of a dead letter: the offset at which that one lies"}
    return {
        "name": "dead_letter",
        "title": "DeadLetter",
        "summary": "A record that can never be applied, as it came, with its own key and headers.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": {**said, REPLAYS: replays}, "required": sorted(said)},
        "payload": {"description": "The record's own bytes; most often an Event, perhaps nothing that can be read."},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
    }


def text() -> str:
    """The document in YAML."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda _: True  # pyright: ignore[reportUnknownLambdaType]
    out = io.StringIO()
    out.write("# Generated from topics.py and proto/ by scripts/generate_asyncapi.py. Do not edit.\n")
    yaml.dump(document(), out)  # pyright: ignore[reportUnknownMemberType]
    return out.getvalue()


def main() -> None:
    """Generate, or check."""
    if "--check" not in sys.argv:
        TARGET.write_text(text())
    elif not TARGET.exists() or TARGET.read_text() != text():
        sys.exit(f"{TARGET.relative_to(ROOT)} is not what topics.py and proto/ say: run `make asyncapi`")


if __name__ == "__main__":
    main()

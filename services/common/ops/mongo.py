"""`mongo`: what a MongoDB is like that shall hold the read model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.common.ops.refusal import Refusal
from services.common.readmodel.examining import CantExamine, examine
from services.common.runtime.settings import Settings


def examine_mongo(settings: Settings) -> dict[str, Any]:
    """Look at the server that the settings name. Makes nothing."""
    try:
        return asdict(examine(settings.mongo_url, settings.mongo_database))
    except CantExamine as error:
        raise Refusal(str(error)) from error

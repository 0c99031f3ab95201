"""A replica set of one goes by the name that its address has, as in a network of containers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from sightline.mongod import Mongod, Process


def test_the_member_has_the_name_of_the_address(tmp_path: Path) -> None:
    process = Process(Mongod.prepare(tmp_path, cache_gb=0.25))
    name = f"localhost:{process.mongod.port}"
    url = f"mongodb://{name}/?replicaSet=sightline"
    try:
        for _ in range(2):  # the second time it finds the set made
            subprocess.run([sys.executable, "-m", "services.common.readmodel.initiate", url], check=True)

        client: MongoClient[dict[str, Any]] = MongoClient(url)
        with client:
            assert client.admin.command("hello")["hosts"] == [name]
            client["any"]["things"].insert_one({})
    finally:
        process.kill()
        shutil.rmtree(tmp_path)

"""A run in which one image has too many pairs to keep: nothing is told that isn't exact."""

from services.common.documents import Read
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import World


async def test_an_iou_for_which_pairs_are_missing_is_refused(api: Api, store: ReadModel, world: World):
    [row, *_] = [document for document in await store.find(Read("run_rows", {})) if document["count"]]
    run = f"/v1/model-runs/{world.run_id}"
    views = ["metrics", "curves", "confusion-matrix", "rows", f"rows/{row['global_key']}"]
    for least, refused, fine in ((0.2, 0.19, 0.2), (None, 1.0, None)):
        await store.replace("run_rows", {**row, "least_overlap": least})
        async with opened(store) as fresh:
            for view in views:
                assert await fresh.refused(f"{run}/{view}", iou=refused) == (422, "iou-out-of-range")
                if fine is not None:
                    await fresh.get(f"{run}/{view}", iou=fine)

"""Where a page begins is asked of the read model only when it can be a place."""

from typing import Any, cast

import pytest

from services.common.readmodel.collections import MODEL_RUNS
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.paging import Order
from services.common.runtime.errors import Problem
from services.query import tokens
from services.query.reads import Reads

NEWEST_FIRST: Order = (("created_unix_ms", -1),)


class Untouched:
    async def page(self, *_args: Any, **_options: Any) -> None:
        pytest.fail("nothing may be asked")


@pytest.mark.parametrize("place", [[None, None], [1, 2], [1], [1, "default/run_1", 1], []])
async def test_a_place_that_no_document_has_is_refused(place: list[tokens.Plain]):
    token = tokens.write(tokens.question(MODEL_RUNS.name, {"equal": {}, "order": NEWEST_FIRST}), place)
    with pytest.raises(Problem) as refused:
        await Reads(cast(ReadModel, Untouched())).listing(
            MODEL_RUNS, {}, order=NEWEST_FIRST, page_size=1, page_token=token
        )
    assert refused.value.slug == "bad-page-token"

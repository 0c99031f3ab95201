"""Page tokens: opaque, bound to their question, and never a way in."""

import base64
import json

import pytest

from services.common.runtime.errors import Problem
from services.query import tokens

ASKED = tokens.question("rows", {"run_id": "run_1", "sort": "iou"})


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_a_token_gives_its_place_back_exactly():
    place = [0.1 + 0.2, None, 7, "a/b", True]
    assert tokens.read(ASKED, tokens.write(ASKED, place)) == place


def test_no_token_is_the_first_page():
    assert tokens.read(ASKED, None) is None
    assert tokens.read(ASKED, "") is None


def test_a_question_is_all_that_decides_the_list():
    assert tokens.question("rows", {"sort": "iou", "run_id": "run_1"}) == ASKED
    assert tokens.question("rows", {"run_id": "run_2", "sort": "iou"}) != ASKED
    assert tokens.question("runs", {"run_id": "run_1", "sort": "iou"}) != ASKED


def test_a_token_of_another_question_is_refused():
    with pytest.raises(Problem) as refused:
        tokens.read(ASKED, tokens.write(tokens.question("rows", {}), [1]))
    assert (refused.value.status, refused.value.slug) == (422, "bad-page-token")


@pytest.mark.parametrize(
    "token",
    [
        "%%%",
        "YWJj",
        "ä",
        forged([ASKED, [{"$gt": ""}]]),
        forged([ASKED, [["a"]]]),
        forged([ASKED, [2**63, "a"]]),
        forged([ASKED, [-(2**70), "a"]]),
        forged({"question": ASKED}),
        forged([ASKED]),
        "A" * 5000,
    ],
)
def test_what_this_service_did_not_make_is_refused(token: str):
    with pytest.raises(Problem) as refused:
        tokens.read(ASKED, token)
    assert refused.value.slug == "bad-page-token"

"""What a batch tells of the runs that it touched."""

from services.common.documents import Replace
from services.common.runloop.handling import Delivery
from services.metrics.touches import Touches
from sightline.wire.events.v1.event_pb2 import Event


def delivery(offset: int) -> Delivery:
    return Delivery("predictions", 3, offset, "p/ds/a.jpg", Event(project_id="p", event_id=str(offset)))


def test_one_event_and_one_revision_for_each_run() -> None:
    touches = Touches(3, rev=8)
    touches.touch("run_1", delivery(5))
    touches.touch("run_1", delivery(6), settled=True)
    touches.touch("run_1", delivery(7))
    touches.touch("run_2", delivery(7))
    assert [(out.key, out.event.run_touched.settled) for out in touches.events()] == [("run_1", True), ("run_2", False)]
    assert touches.events()[0].event.event_id == "metrics.rows/3/predictions/7/run_1"
    assert touches.writes() == [
        Replace("run_touches", {"_id": "p/run_1/3", "rev": 8}),
        Replace("run_touches", {"_id": "p/run_2/3", "rev": 8}),
    ]

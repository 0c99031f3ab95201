"""What consumers have put aside: listed for people, and put back, or dropped, when they say so."""

from services.ingest.dead_letters.handler import DeadLettersHandler
from services.ingest.dead_letters.replaying import DeadLetters

__all__ = ["DeadLetters", "DeadLettersHandler"]

"""The local stack: `sightline up` starts a private MongoDB and the services as processes. It imports none of them.

`options` says what is wanted, `claim` makes one stack the owner of a data directory, `programs` says which processes
there are and with what environment, `keeper` keeps one of them running, `output` shows what they say, and `stack` puts
it together.
"""

from sightline.stack.claim import Claimed
from sightline.stack.options import DEFAULT_PORT, Options, Refused, default_data_dir
from sightline.stack.stack import Futile, Ready, Stack

__all__ = ["DEFAULT_PORT", "Claimed", "Futile", "Options", "Ready", "Refused", "Stack", "default_data_dir"]

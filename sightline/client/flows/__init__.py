"""Every method of the client, written once: what is asked, in which order, and what comes of it.

`sightline.client.blocking` and `sightline.client.awaiting` bind these to their classes.
"""

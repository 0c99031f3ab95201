"""Accepts what people and programs send: checks it, turns it into events, answers when the log has them."""

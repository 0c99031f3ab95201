"""Generated from proto/ by `make wire`. Do not edit."""

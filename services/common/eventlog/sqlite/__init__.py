"""The embedded log: one SQLite file that the processes of a machine share."""

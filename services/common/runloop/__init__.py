"""The run loop: everything between the log and a service's pure handler."""

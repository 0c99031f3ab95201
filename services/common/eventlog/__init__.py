"""The log: a port, its topics, and the two logs behind the port, the embedded one and Kafka."""

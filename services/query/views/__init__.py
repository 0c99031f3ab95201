"""One module per question. A view knows nothing of HTTP or gRPC; transports know nothing else."""

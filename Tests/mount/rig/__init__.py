"""What the mount tests, the benchmarks and the long proofs stand on: an S3 server, a proxy, and mounts."""

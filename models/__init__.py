"""One architecture for every objective: batches, backbone, heads, pooling, and their cost."""

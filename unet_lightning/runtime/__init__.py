"""The machine and its processes: files, signals, memory, devices, launchers. Knows nothing of segmentation."""

"""The machine and its processes: files, signals, memory, devices, launchers. Nothing here is about segmentation."""

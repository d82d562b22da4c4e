"""Pictures and alarms during training."""

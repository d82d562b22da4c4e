"""Learning rate schedules: (optimizer, total steps) to a scheduler that is stepped after every batch."""

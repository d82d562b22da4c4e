"""Where a run's curves, pictures, tables and hyperparameters go."""

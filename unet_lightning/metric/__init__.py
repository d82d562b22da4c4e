"""Scores of predicted against labelled classes."""

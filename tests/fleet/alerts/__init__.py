"""Alerts: rules, silences and notifications."""

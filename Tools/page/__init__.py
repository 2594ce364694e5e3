"""Drives the web page of a coordinator in headless Chromium."""

"""Fetches sets of pictures from their public homes. Nothing but Python is needed."""

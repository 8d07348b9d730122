"""The reading room: from a photo, scan or drawing to frames, and from frames to text."""

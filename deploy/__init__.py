"""Running the platform: as plain processes on one machine, in containers, and the demo."""

"""The whole platform as plain processes on one machine: for the demo, the tests, and a first look."""

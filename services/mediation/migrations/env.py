"""Alembic's entry: the kernel runs the migrations on a connection of its own."""

from alembic import context

from shared.migrations import run_env

run_env(context)

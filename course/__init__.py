"""Graded assignments: what students get, and how their work is judged. No chapter imports it."""

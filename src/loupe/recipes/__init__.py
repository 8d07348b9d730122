"""Recipes: everything that decides a run, and the notation of networks."""

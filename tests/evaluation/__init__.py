"""Measures matching and retrieval on sets with known answers, along the product's own way (scripts/eval)."""

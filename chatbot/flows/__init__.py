"""Guided conversations: what a flow is, what a customer's words mean in it, and where it goes next (docs/flows.md)."""

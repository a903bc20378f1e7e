"""The dashboard at `/`: what the server serves, how good it is, and how it is doing, on one page for people."""

from podium.serve.dashboard.routes import dashboard_routes

__all__ = ["dashboard_routes"]

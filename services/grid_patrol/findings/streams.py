"""Binds the rules of a finding to its streams."""

from services.grid_patrol.findings.model import Finding, decide, evolve
from shared.aggregate import Aggregate

FINDINGS = Aggregate("finding", initial=Finding(), decide=decide, evolve=evolve)

"""People's mediation (人民调解): dispute cases from filing to their end."""

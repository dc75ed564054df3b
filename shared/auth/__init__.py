"""Who may do what: tokens with a role and an organisation node, one permission table, a development issuer."""

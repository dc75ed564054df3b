"""Beneficiaries (服务对象): who can be served in the time bank, volunteers or not."""

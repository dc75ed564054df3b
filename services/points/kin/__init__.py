"""Kin (亲属): which beneficiaries are spouses or relatives in the direct line of which volunteers."""

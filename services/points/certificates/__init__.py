"""Certificates of service (志愿服务记录证明): made out from the ledger, public for some days, verifiable, printed."""

"""The points service: policies, the double-entry ledger, the love market, and the proof that all of it adds up."""

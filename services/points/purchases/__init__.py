"""Purchases (有买): goods bought for a love market from its budget."""

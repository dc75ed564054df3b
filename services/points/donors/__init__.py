"""Donors (捐赠人): who gives goods to a love market. Their names are in the vault."""

"""What stars and certificates rest on in the record of service, and which events took it from under them."""

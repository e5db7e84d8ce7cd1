"""Finding credentials in text: providers' token forms, private keys, assignments."""

"""The pages on which the desk answers people about their own data; what is done is `kyc.review`'s."""

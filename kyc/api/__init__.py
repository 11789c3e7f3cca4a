"""`/kyc/applications`: what an applicant does, and is told. Nothing declared is ever answered back."""

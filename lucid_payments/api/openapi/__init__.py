"""The API's description: `operations` is what views say of themselves, the rest is what all of them share."""

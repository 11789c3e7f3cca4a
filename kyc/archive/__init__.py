"""A verification as one file that proves itself, for who must replay it later. Nothing in it says who the person is."""

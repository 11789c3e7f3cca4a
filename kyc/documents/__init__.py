"""Documents of applicants: recognised by content, turned into plain pictures of their pages, stored sealed.

Only the pictures are kept, as rows beside everything else: a row and its pictures are committed together or not at
all, one backup holds both, and nothing active that was in a file is ever stored or shown. What was uploaded is known
by its SHA-256.
"""

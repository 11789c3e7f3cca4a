"""Files of payouts: a CSV or XLSX is read (`reading`), every row checked (`checking`), and submitted as one batch.

A file is kept as it came, and its SHA-256 is part of what approvers agree to. `receiving` keeps and checks,
`submitting` makes the batch, `annotated` gives the file back with what is wrong in a column of its own.
"""

"""Reports as files: asked for in the back office, made by a worker from one moment of the database, kept a while.

`asking` takes what is wanted, `making` turns it into files row by row, `contents` are the kinds that there are, and
`sheets` writes every one as CSV and as one XLSX. `keeping` holds the files, and lets them go again.
"""

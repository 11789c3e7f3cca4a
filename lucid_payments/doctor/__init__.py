"""`manage.py doctor`: looks at a deployment, before it runs and while it does, and says in sentences what to do.

`examination` is what a check is; each other module holds the checks of one subject. It stands above every room.
"""

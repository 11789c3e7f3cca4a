"""The review of KYC records: the one place where a record changes.

Each act is a function named by its verb, with the actor as a keyword. It locks the record's row, asks `policy.may`,
changes the row by a guarded UPDATE, and writes a step of the timeline, an audit entry and an event with it, in one
transaction. Raises `Refused`, `Conflict` or `InvalidFields`; nothing has changed then.
"""

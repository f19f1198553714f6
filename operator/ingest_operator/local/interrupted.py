"""What a session raises that was asked to stop before any recording ran."""


class InterruptedBeforeRunsError(Exception):
    """A stop was requested before the plan was made or the voices were heard; the next run of the command
    goes on."""

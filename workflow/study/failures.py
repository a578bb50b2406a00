"""A sentence for what a machine does to a step: no space, no permission, no memory; other failures keep a traceback."""

import errno

NO_SPACE = "there is no space left on its disk (or in its quota); free some, and run the same command again"
READ_ONLY = (
    "it cannot be written there (no permission, or a read-only disk); give permission, or work in another folder"
)
NO_MEMORY = (
    "The memory is exhausted; give the job more, run fewer jobs at once (--cores), or lower the recipe's batch_size in "
    "config.yaml."
)
CAUSES = {
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
}
# torch and safetensors raise their own exceptions for the same things
SPACE_TEXTS = ("No space left on device", "PytorchStreamWriter failed writing", "iostream error")
MEMORY_TEXTS = ("out of memory", "not enough memory", "can't allocate memory", "Cannot allocate memory")


def sentence(error: BaseException | None) -> str | None:
    """What to print instead of a traceback, or None where neither the error nor what led to it is the machine's."""
    if error is None:
        return None
    text = str(error)
    if isinstance(error, MemoryError) or any(one in text for one in MEMORY_TEXTS):
        return NO_MEMORY
    if isinstance(error, OSError) and error.errno in CAUSES:
        return f"{error.filename or 'A file'} could not be written: {CAUSES[error.errno]}."
    if any(one in text for one in SPACE_TEXTS):
        return f"A file could not be written: {NO_SPACE}."
    return sentence(error.__context__)

"""Which requests a sample is about."""


def request_id_of(ids: object, idx: int | None) -> str | None:
    """The id of request *idx*, those of all requests when None; None when there is none.

    Args:
        ids: Index → id, a list of ids, one id for all, or None.
        idx: Position in the batch.
    """
    if isinstance(ids, list | tuple):
        ids = dict(enumerate(ids))
    if isinstance(ids, dict):
        # Behind an envelope, several rows are one request's.
        return str(ids[idx]) if idx in ids else ",".join(dict.fromkeys(map(str, ids.values())))
    return None if ids is None else str(ids)

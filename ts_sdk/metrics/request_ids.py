"""Which requests a sample is about."""


def request_id_of(ids: object, idx: int | None) -> str | None:
    """The id of request *idx*, those of all requests when None; None when there is none.

    Args:
        ids: Index → id, a list of ids, one id for all, or None.
        idx: Position in the batch.
    """
    if isinstance(ids, dict):
        if len(ids) == 1:  # the usual case, and the quickest
            (only,) = ids.values()
            return str(only)
        # Behind an envelope, several rows are one request's.
        return str(ids[idx]) if idx in ids else ",".join(dict.fromkeys(map(str, ids.values())))
    if isinstance(ids, list | tuple):
        return request_id_of(dict(enumerate(ids)), idx)
    return None if ids is None else str(ids)

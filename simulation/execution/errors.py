"""What can go wrong with a whole cluster."""


class ClusterError(RuntimeError):
    """The cluster cannot do the work; str() is one plain line. Finished runs are kept."""

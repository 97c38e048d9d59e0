"""Starts Patroni with the two timings of this cluster that it has no setting for.

Keep-alive: Patroni sizes the keep-alive of its watch on etcd by the ttl it knows
when it connects. At its very first start that is the built-in one of 30 s,
whatever the cluster's configuration says later: an etcd member that loses power
without a goodbye would go unnoticed for half a minute, and so would the primary
beside it.

Patience: before a standby takes over it asks every member for its state and
waits 2 s for each answer. A zone without power gives none, and every commit
waits meanwhile. The members are a millisecond apart.
"""
from patroni.__main__ import main
from patroni.config import Config
from patroni.request import PatroniRequest

PATIENCE = 0.8  # seconds

Config._Config__DEFAULT_CONFIG.update(ttl=5, loop_wait=1, retry_timeout=2)

ask = PatroniRequest.request


def ask_briefly(self, method, url, body=None, **kwargs):
    if "timeout" in kwargs:
        kwargs["timeout"] = min(kwargs["timeout"], PATIENCE)
    return ask(self, method, url, body, **kwargs)


PatroniRequest.request = ask_briefly

# Patroni starts its server from a process that imports this file again.
if __name__ == "__main__":
    main()

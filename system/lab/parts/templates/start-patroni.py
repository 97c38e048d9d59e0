"""Starts Patroni with this cluster's timing from its first connection on.

Patroni sizes the keep-alive of its watch on etcd by the ttl it knows when it
connects. At its very first start that is the built-in one of 30 s, whatever the
cluster's configuration says later: an etcd member that loses power without a
goodbye would go unnoticed for half a minute, and so would the primary beside it.
"""
from patroni.__main__ import main
from patroni.config import Config

Config._Config__DEFAULT_CONFIG.update(ttl=5, loop_wait=1, retry_timeout=2)

# Patroni starts its server from a process that imports this file again.
if __name__ == "__main__":
    main()

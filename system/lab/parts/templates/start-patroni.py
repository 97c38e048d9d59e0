"""Starts Patroni with the timings of this cluster that it has no setting for, and
without mistakes of version 3.0.2, which is Debian 12's.

Keep-alive: Patroni sizes the keep-alive of its watch on etcd by the ttl it knows
when it connects. At its very first start that is the built-in one of 30 s,
whatever the cluster's configuration says later: an etcd member that loses power
without a goodbye would go unnoticed for half a minute, and so would the primary
beside it.

Patience: before a standby takes over it asks every member for its state and
waits 2 s for each answer. A zone without power gives none, and every commit
waits meanwhile. The members are a millisecond apart.

Haste: what catch-up.sh fetches before a promotion is rarely there, and a script
takes a second on a busy machine. The standby that is about to take over asks some
members for their state anyway; it asks the others as well, and starts the script
only if one of them is ahead or does not say.

Appointment: a primary that lost its synchronous standby appoints another, and
sleeps 2 s before it looks whether that one is in step. Until it writes the
appointment down nobody may take over, and while it sleeps it does not renew its
own key. Being in step takes milliseconds: it looks often, and as long as before.

Theft: a leader whose zone was cut off reads of its own leadership from the etcd
member beside it, which has heard nothing since, and renews it by writing its name
over that of the leader that has taken over. Both then make the same timeline, and
what the other one acknowledged is lost. It may renew only what is still its own;
later versions of Patroni compare, too.

Stale memory: everything Patroni knows of the cluster comes over its watch on one
etcd member. When that one stops answering it asks another and ends the watch by
shutting its socket down, with an argument that the sockets of pyOpenSSL, which
python-etcd puts in place, do not take; the error is swallowed. A frozen member's
kernel keeps the connection alive, and the standbys go on following a leader that
is as frozen, until both thaw.

Orphan: a standby that was rewound, and is started while nobody leads, is told of
no primary. It needs one to become consistent, and until then it cannot be asked
for its settings; Patroni, which compares only settings that it knows, never finds
that it lacks one.

Deadlock: as process 1 of its namespace Patroni is two processes, and the one that
works inherits from the other a handler that logs whenever a child ends. When one
ends while a line is being logged, the handler waits for the lock that the line
holds: for ever, and with it the lease, the REST API and the failover.

Mistaken success: the same handler reaps what the working process itself waits for,
which then takes the missing exit code for 0.
"""
import signal
import socket
import threading
import time

import patroni.__main__ as program
import patroni.dcs.etcd3 as etcd3
import patroni.ha
from patroni.config import Config
from patroni.dcs import catch_return_false_exception
from patroni.postgresql import Postgresql
from patroni.postgresql.config import ConfigHandler
from patroni.request import PatroniRequest

PATIENCE = 0.8  # seconds
LOOK = 0.05  # seconds

# Keep-alive.
Config._Config__DEFAULT_CONFIG.update(ttl=5, loop_wait=1, retry_timeout=2)

# Patience.
ask = PatroniRequest.request


def ask_briefly(self, method, url, body=None, **kwargs):
    if "timeout" in kwargs:
        kwargs["timeout"] = min(kwargs["timeout"], PATIENCE)
    return ask(self, method, url, body, **kwargs)


PatroniRequest.request = ask_briefly

# Haste.
ask_members = patroni.ha.Ha.fetch_nodes_statuses
before_promotion = Postgresql._pre_promote


def ask_everybody(self, members):
    asked = {member.name for member in members} | {self.state_handler.name}
    others = [m for m in self.cluster.members if m.name not in asked and m.api_url]
    found = ask_members(self, [*members, *others])
    mine = self.state_handler.last_operation()
    self.state_handler.nothing_to_fetch = all(
        status.reachable and status.wal_position <= mine for status in found[len(members):]
    )
    return found[:len(members)]


def only_if_needed(self):
    return self.__dict__.pop("nothing_to_fetch", False) or before_promotion(self)


patroni.ha.Ha.fetch_nodes_statuses = ask_everybody
Postgresql._pre_promote = only_if_needed

# Appointment.
appoint = patroni.ha.Ha.process_sync_replication
appointing = threading.local()  # .ha is set in the thread that appoints


class Time:
    """The module time, with a sleep that ends when an appointed standby is in step."""

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, seconds):
        ha = getattr(appointing, "ha", None)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not (ha and in_step(ha)):
            time.sleep(min(LOOK, seconds) if ha else seconds)


def in_step(ha):
    ha.state_handler.reset_cluster_info_state(None)  # or it would answer from memory
    config = ha.patroni.config
    return ha.state_handler.sync_handler.current_state(
        ha.cluster, config["synchronous_node_count"], config["maximum_lag_on_syncnode"]
    )[1]


def appoint_soon(self):
    appointing.ha = self
    try:
        return appoint(self)
    finally:
        appointing.ha = None


patroni.ha.time = Time()
patroni.ha.Ha.process_sync_replication = appoint_soon


# Theft.
@catch_return_false_exception
def renew_own(self):
    retry = self._retry.copy()

    def trying(*args, **kwargs):
        kwargs["retry"] = retry
        return retry(*args, **kwargs)

    self._run_and_handle_exceptions(self._do_refresh_lease, True, retry=trying)
    leader = self.cluster and self.cluster.leader
    if not self._lease:
        return False
    if leader and leader.session == self._lease:
        return True  # the key lives as long as its lease, and that has just been renewed
    retry.deadline = retry.stoptime - time.time()
    if retry.deadline < 1:
        raise etcd3.Etcd3Error("update_leader timeout")
    key, name = etcd3.base64_encode(self.leader_path), etcd3.base64_encode(self._name)
    still_own = {"key": key, "target": "VALUE", "value": name}
    put = {"request_put": {"key": key, "value": name, "lease": self._lease}}
    return bool(self._run_and_handle_exceptions(self._client.txn, still_own, put, retry=trying))


etcd3.Etcd3._update_leader = renew_own


# Stale memory.
def end_watch(self):
    with self._response_lock:
        response = self._response
        if not response:
            self._response = False  # the watch that is about to begin is not wanted
            return
    try:
        watch = response.connection.sock
        getattr(watch, "socket", watch).shutdown(socket.SHUT_RDWR)
    except (AttributeError, OSError):
        pass  # it has ended by itself


etcd3.KVCache.kill_stream = end_watch

# Orphan.
write = ConfigHandler.write_recovery_conf


def write_and_remember(self, params):
    write(self, params)
    self._current_recovery_params.setdefault("primary_conninfo", [{}, False, self._postgresql_conf])


ConfigHandler.write_recovery_conf = write_and_remember

# Deadlock and mistaken success.
work = program.patroni_main


def work_with_own_children():
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    work()


program.patroni_main = work_with_own_children

# Patroni starts its server from a process that imports this file again.
if __name__ == "__main__":
    program.main()

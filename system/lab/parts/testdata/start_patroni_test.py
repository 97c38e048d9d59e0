"""Tests start-patroni.py against the Patroni that is installed. The program is
imported as Patroni's own child does it, and starts nothing.

    /usr/bin/python3 start_patroni_test.py START-PATRONI.PY
"""
import importlib.util
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import types
import unittest

spec = importlib.util.spec_from_file_location("start", sys.argv.pop())
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)


class Appointment(unittest.TestCase):
    def appoint(self, looks_until_in_step, sleep):
        looks = []

        def current_state(*_):
            looks.append(1)
            return ["b"], ["b"] if len(looks) >= looks_until_in_step else []

        ha = start.patroni.ha.Ha.__new__(start.patroni.ha.Ha)
        ha.cluster = None
        ha.patroni = types.SimpleNamespace(config={"synchronous_node_count": 1, "maximum_lag_on_syncnode": -1})
        ha.state_handler = types.SimpleNamespace(
            reset_cluster_info_state=lambda _: None, sync_handler=types.SimpleNamespace(current_state=current_state)
        )
        start.appoint = lambda _: start.patroni.ha.time.sleep(sleep)
        began = time.monotonic()
        ha.process_sync_replication()
        return len(looks), time.monotonic() - began

    def test_it_is_made_as_soon_as_the_standby_is_in_step(self):
        looks, took = self.appoint(2, 60)
        self.assertEqual(looks, 2)
        self.assertLess(took, 30)

    def test_it_waits_no_longer_than_before_for_one_that_is_not(self):
        _, took = self.appoint(1000000, 0.2)
        self.assertGreaterEqual(took, 0.2)

    def test_other_waits_are_left_alone(self):
        began = time.monotonic()
        start.patroni.ha.time.sleep(0.2)
        self.assertGreaterEqual(time.monotonic() - began, 0.2)


class Renewal(unittest.TestCase):
    """What is in etcd is in self.key; what the member believes is in leader."""

    def renew(self, believed, key, lease=7):
        self.key = key

        def txn(compare, success, retry=None):
            if start.etcd3.base64_decode(compare["value"]) != self.key[0]:
                return None
            put = success["request_put"]
            self.key = (start.etcd3.base64_decode(put["value"]), put["lease"])
            return True

        class Retry:
            deadline, stoptime = 2, time.time() + 2

            def copy(self):
                return self

            def __call__(self, function, *args, **kwargs):
                return function(*args, **kwargs)

        dcs = types.SimpleNamespace(
            _retry=Retry(), _lease=lease, _name="postgres-c", leader_path="/service/identity/leader",
            _do_refresh_lease=lambda *_, **__: None, _client=types.SimpleNamespace(txn=txn),
            _run_and_handle_exceptions=lambda do, *args, retry: retry(do, *args),
            cluster=types.SimpleNamespace(leader=types.SimpleNamespace(session=believed[1])),
        )
        return start.etcd3.Etcd3._update_leader(dcs)

    def test_the_key_lives_with_its_lease(self):
        self.assertTrue(self.renew(("postgres-c", 7), ("postgres-c", 7)))

    def test_a_new_lease_is_put_under_the_own_key(self):
        self.assertTrue(self.renew(("postgres-c", 6), ("postgres-c", 6)))
        self.assertEqual(self.key, ("postgres-c", 7))

    def test_another_leader_is_left_in_place(self):
        self.assertFalse(self.renew(("postgres-c", 6), ("postgres-a", 9)))
        self.assertEqual(self.key, ("postgres-a", 9))

    def test_a_key_that_is_gone_is_not_made_again(self):
        self.assertFalse(self.renew(("postgres-c", 6), (None, None)))
        self.assertEqual(self.key, (None, None))


class Watch(unittest.TestCase):
    def end(self, response):
        cache = types.SimpleNamespace(_response_lock=threading.Lock(), _response=response)
        start.etcd3.KVCache.kill_stream(cache)
        return cache

    def test_it_ends_though_the_member_does_not_answer(self):
        from urllib3.contrib.pyopenssl import WrappedSocket

        for wrap in (lambda plain: plain), (lambda plain: WrappedSocket(None, plain)):
            ours, members = socket.socketpair()
            with ours, members:
                ours.settimeout(10)
                self.end(types.SimpleNamespace(connection=types.SimpleNamespace(sock=wrap(ours))))
                self.assertEqual(ours.recv(1), b"")

    def test_one_that_has_not_begun_does_not(self):
        self.assertIs(self.end(None)._response, False)

    def test_one_that_has_ended_is_let_be(self):
        self.end(types.SimpleNamespace(connection=None))


class Orphan(unittest.TestCase):
    def test_a_standby_that_is_starting_is_told_of_a_new_primary(self):
        primary = {"host": "10.83.3.20", "port": "5432"}
        with tempfile.TemporaryDirectory() as folder:
            config = start.ConfigHandler.__new__(start.ConfigHandler)
            config._postgresql = types.SimpleNamespace(
                major_version=150000, cb_called=False, is_starting=lambda: True, primary_conninfo=lambda: None
            )
            config._postgresql_conf = folder + "/postgresql.conf"
            config._auto_conf = folder + "/postgresql.auto.conf"
            config._standby_signal = folder + "/standby.signal"
            config._recovery_signal = folder + "/recovery.signal"
            wanted = {"recovery_target_timeline": "latest"}
            config.build_recovery_params = lambda _: dict(wanted)

            config.write_recovery_conf({"standby_mode": "on", **wanted})
            self.assertEqual(config.check_recovery_conf(None), (False, False))
            wanted["primary_conninfo"] = primary
            self.assertEqual(config.check_recovery_conf(None), (True, False))
            config.write_recovery_conf({"standby_mode": "on", **wanted})
            self.assertEqual(config.check_recovery_conf(None), (False, False))


class Promotion(unittest.TestCase):
    """c is asked by Patroni, being the former leader; a is the other standby."""

    def promote(self, other):
        server = start.Postgresql.__new__(start.Postgresql)
        server.name, server.last_operation = "postgres-b", lambda: 100
        member = lambda name: types.SimpleNamespace(name="postgres-" + name, api_url="https://" + name)
        ha = start.patroni.ha.Ha.__new__(start.patroni.ha.Ha)
        ha.state_handler = server
        ha.cluster = types.SimpleNamespace(members=[member(zone) for zone in "abc"])
        state = lambda m: types.SimpleNamespace(member=m, **(other if m.name == "postgres-a" else dict(reachable=False, wal_position=0)))
        ha.fetch_node_status = state
        answers = ha.fetch_nodes_statuses([member("c")])
        self.assertEqual([status.member.name for status in answers], ["postgres-c"])
        ran = []
        start.before_promotion = lambda _: ran.append("script") or True
        self.assertTrue(server._pre_promote())
        self.assertTrue(server._pre_promote())  # what was found is good for one promotion
        return len(ran) - 1

    def test_nothing_is_fetched_from_one_that_has_no_more(self):
        self.assertEqual(self.promote(dict(reachable=True, wal_position=100)), 0)

    def test_what_another_has_more_is_fetched(self):
        self.assertEqual(self.promote(dict(reachable=True, wal_position=101)), 1)

    def test_one_that_does_not_answer_is_asked_by_the_script(self):
        self.assertEqual(self.promote(dict(reachable=False, wal_position=0)), 1)


class Children(unittest.TestCase):
    def test_the_working_process_waits_for_its_own(self):
        signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(-1, 0))
        start.work = lambda: None
        start.program.patroni_main()
        self.assertEqual(signal.getsignal(signal.SIGCHLD), signal.SIG_DFL)


unittest.main()

#!/bin/sh
# Fetches what another standby has received beyond this one, before this one is
# promoted. Patroni runs it with the key of the leader in hand (pre_promote).
#
# Commits wait for this standby, so the other one has nothing more that was
# acknowledged; but the primary sends to both, and may die when the other was
# ahead by a record. That one would have to be rewound to follow, which takes half
# a minute on a busy machine, and no commit could be in two zones until then.
#
# It never forbids the promotion: being behind costs time, not data.
set -u

here="host={{.Dir}} user=postgres dbname=postgres"
there="port=5432 sslmode=verify-ca sslrootcert={{.TLS}}/ca.pem"
received="greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"

# ask SECONDS SERVER prints the answers to the SQL in its input.
ask() { timeout "$1" {{.PostgresBin}}/psql -XAtq "$2"; }

former=$(echo "SELECT substring(current_setting('primary_conninfo') FROM 'host=([^ ]+)')" | ask 1 "$here")
for other in{{range .Zones}}{{if ne . $.Zone}} {{$.PodIP . "postgres"}}{{end}}{{end}}; do
	[ "$other" != "$former" ] || continue
	theirs=$(echo "SELECT $received" | ask 0.8 "host=$other $there user=postgres dbname=postgres sslcert={{.TLS}}/cert.pem sslkey={{.TLS}}/key.pem") || continue
	[ -n "$theirs" ] || continue
	ask 10 "$here" <<-SQL # more than its looks take: killed, it would leave the setting behind
		SELECT $received < '$theirs' AS behind \gset
		\if :behind
			SELECT 'catch-up: fetching WAL up to $theirs from $other; here it ends at ' || $received;
			ALTER SYSTEM SET primary_conninfo = 'host=$other $there user=replicator sslcert={{.TLS}}/replicator.pem sslkey={{.TLS}}/replicator-key.pem';
			SELECT FROM pg_reload_conf();
			DO \$\$ BEGIN
				FOR look IN 1..80 LOOP
					EXIT WHEN $received >= '$theirs';
					PERFORM pg_sleep(0.05);
				END LOOP;
			END \$\$;
			ALTER SYSTEM RESET primary_conninfo;
			SELECT FROM pg_reload_conf();
			SELECT 'catch-up: WAL ends at ' || $received;
		\endif
	SQL
done
exit 0

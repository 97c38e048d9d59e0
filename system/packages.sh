#!/usr/bin/env bash
# Installs the Debian packages that the lab and the tests run: the real
# databases, gateways, browser and monitoring, not images of them.
#
#   system/packages.sh           say what is missing, then install it
#   system/packages.sh --check   say what is missing; exit 1 if anything is
#   system/packages.sh --list    print every package that is needed
#
# Debian starts and enables a service as soon as its package is installed. The
# lab starts its own copies inside its own namespaces, so this script keeps the
# machine as it found it: nothing new runs, and nothing new starts at boot.
set -euo pipefail

readonly PACKAGES=(
	haproxy                        # gateways and edge
	redis-server redis-sentinel    # counts of attempts, links to wallets
	etcd-server etcd-client        # what was used, keys, and Patroni's consensus
	patroni python3-etcd python3-idna python3-psycopg2 postgresql-15
	softhsm2                       # the HSM nodes, through PKCS#11
	prometheus prometheus-alertmanager
	chromium-headless-shell fontconfig fonts-dejavu-core # visual checks
	nsd ldnsutils bind9-dnsutils   # tests of DNS checks: a server, a signer, and a second opinion (delv)
	openssl                        # tests of TLS checks: servers with weak settings
	gcc libc6-dev                  # cgo, for PKCS#11
)

readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_SAVED=/usr/sbin/policy-rc.d.before-tocsin
readonly POLICY_MARK="tocsin-packages: no service starts during this installation"
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/tocsin-no-cluster.conf
readonly LOCK=/run/lock/tocsin-packages.lock
# What the machine looked like before. It is there only while an installation
# runs, and after one that was killed: the next run then tidies up.
readonly STATE=/var/lib/tocsin-packages

say() { printf 'packages: %s\n' "$*"; }
die() {
	printf 'packages: %s\n' "$*" >&2
	exit 2
}

# missing prints the needed packages that are not installed, one a line.
missing() {
	local installed
	# dpkg-query exits 1 when it does not know one of the names; the others are
	# printed all the same.
	installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${PACKAGES[@]}" 2>/dev/null || true)
	local package
	for package in "${PACKAGES[@]}"; do
		grep -qx "installed $package" <<<"$installed" || printf '%s\n' "$package"
	done
}

require_debian_12() {
	local id="" version=""
	if [[ -r /etc/os-release ]]; then
		id=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')
		version=$(sed -n 's/^VERSION_ID=//p' /etc/os-release | tr -d '"')
	fi
	[[ $id == debian && $version == 12 ]] ||
		die "this machine is ${id:-unknown} ${version:-}; the lab is built for Debian 12. Missing here: $(missing | paste -sd' ')"
}

# enabled prints what would start at boot: systemd links and SysV links.
enabled() {
	find /etc/systemd/system /etc/rc[0-9S].d \( -path '*.wants/*' -o -path '*.requires/*' -o -path '/etc/rc*/S*' \) \
		-type l -print 2>/dev/null | sort
}

# installed_packages leaves out the half-installed: those are the leftovers of
# an installation that was interrupted, so what they enable is new.
installed_packages() {
	dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort
}

# owner prints the package that a unit or init script belongs to. On a machine
# with a merged /usr dpkg may know the file under either path.
owner() {
	local path=$1
	{ dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "/usr$path" 2>/dev/null || true; } |
		sed -n '1s/[:,].*//p'
}

# disable_new undoes the enabling that packages new on this machine did. What
# was enabled before, or belongs to a package that was here before, stays.
disable_new() {
	local link name path package
	while IFS= read -r link; do
		case $link in
		/etc/rc*)
			name=$(basename "$link" | sed 's/^S[0-9][0-9]//')
			path=/etc/init.d/$name
			;;
		*)
			name=$(basename "$link")
			path=/lib/systemd/system/$(sed 's/@[^.]*\./@./' <<<"$name")
			;;
		esac
		package=$(owner "$path")
		# On a machine without an init system a dependency may bring systemd; its
		# own consoles and mounts are not services of ours.
		[[ -n $package && $package != systemd ]] || continue
		grep -qxF "$package" "$STATE/packages.before" && continue
		case $link in
		/etc/rc*) update-rc.d "$name" disable >/dev/null ;;
		*) DPKG_MAINTSCRIPT_PACKAGE=$package deb-systemd-helper disable "$name" >/dev/null ;;
		esac
		printf '%s\n' "${name%.service}" >>"$STATE/disabled"
	done < <(comm -13 "$STATE/enabled.before" <(enabled))
	if [[ -s $STATE/disabled ]]; then
		say "kept from starting at boot: $(sort -u "$STATE/disabled" | paste -sd' ')"
	fi
}

ours() { grep -qsF "$POLICY_MARK" "$1"; }

deny_starts() {
	if [[ -e $POLICY || -L $POLICY ]] && ! ours "$POLICY"; then
		mv "$POLICY" "$POLICY_SAVED"
	fi
	printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
	chmod 755 "$POLICY"

	# PostgreSQL would create and later start a database nobody asked for.
	mkdir -p "$(dirname "$NO_CLUSTER")"
	printf 'create_main_cluster = false\n' >"$NO_CLUSTER"
}

allow_starts() {
	rm -f "$NO_CLUSTER"
	if ours "$POLICY"; then
		rm -f "$POLICY"
	fi
	if [[ -e $POLICY_SAVED || -L $POLICY_SAVED ]]; then
		mv "$POLICY_SAVED" "$POLICY"
	fi
}

# restore runs however the installation ends, also by Ctrl-C.
restore() {
	local status=$?
	trap - EXIT INT TERM HUP
	disable_new || status=1
	allow_starts || status=1
	rm -rf "$STATE"
	if ((status != 0)); then
		say "not finished (exit $status); the machine's service settings are restored. Run this again." >&2
	fi
	exit "$status"
}

install_packages() {
	exec 9>"$LOCK"
	flock --nonblock 9 || die "another installation of these packages is running ($LOCK)"

	local unfinished=0
	if [[ -d $STATE ]]; then
		unfinished=1
	else
		# Moved into place whole: a half-written snapshot would call the
		# machine's own services new.
		rm -rf "$STATE.new"
		mkdir -p "$STATE.new"
		enabled >"$STATE.new/enabled.before"
		installed_packages >"$STATE.new/packages.before"
		mv "$STATE.new" "$STATE"
	fi
	trap restore EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	deny_starts

	# 9>&-: a process that outlives apt must not hold the lock.
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	if ((unfinished)); then
		dpkg --configure -a 9>&-
	fi
	if (($# > 0)); then
		apt-get update -q 9>&-
		apt-get install -y -q --no-install-recommends "$@" 9>&-
	fi
}

main() {
	case ${1:-} in
	--list)
		printf '%s\n' "${PACKAGES[@]}"
		return
		;;
	--check | --announced | "") ;;
	*) die "unknown argument $1; known: --check, --list" ;;
	esac
	command -v dpkg-query >/dev/null ||
		die "this machine has no dpkg; the lab is built for Debian 12 and needs: ${PACKAGES[*]}"

	local wanted=()
	mapfile -t wanted < <(missing)
	if ((${#wanted[@]} == 0)) && [[ ! -d $STATE ]]; then
		say "nothing is missing"
		return
	fi
	if [[ ${1:-} == --check ]]; then
		say "missing: ${wanted[*]:-the end of an installation that was killed}"
		say "install with: system/packages.sh (or make deps)"
		return 1
	fi
	require_debian_12

	if [[ ${1:-} == --announced ]]; then
		:
	elif ((${#wanted[@]} == 0)); then
		say "an earlier installation was killed; finishing it and restoring the service settings"
	else
		say "installing ${#wanted[@]} Debian packages and what they depend on: ${wanted[*]}"
		say "no service of theirs will run now or start at boot"
	fi
	if ((EUID != 0)); then
		command -v sudo >/dev/null ||
			die "installing needs root and there is no sudo; as root run: system/packages.sh"
		say "installing needs root; asking sudo"
		exec sudo -- "$(readlink -f "${BASH_SOURCE[0]}")" --announced
	fi
	install_packages "${wanted[@]}"
}

# Debian keeps apt's helpers in sbin, which a user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin
main "$@"

#!/bin/sh
# Installs edgeferry on a device from the folder this script lies in, or takes it away again. As root:
#
#   install.sh [--wait SECONDS] [--root DIR]
#   install.sh --remove [--purge] [--root DIR]
#
# Everything is made beside what is there; one rename of a symbolic link puts it into service. A step that fails, a
# signal, or nobody left to read what is said here: all that was made goes away, and what served before serves.
#
#   /opt/edgeferry/venvs/ID      the agent and its libraries, kept while the packages stay the same
#   /opt/edgeferry/versions/ID   the rest of the folder: configuration, first model, service
#   /opt/edgeferry/current       which of the versions serves; `previous` is the one before
#
# --wait   start the service and wait for the first frame it reports; without one in time, go back.
# --root   the device is a folder (an image, a test): nothing is started.
# --purge  what the agent has kept (models, messages not yet sent) goes too.
set -eu
umask 022
export LC_ALL=C

service=edgeferry-agent.service
root='' wait_s='' remove=no purge=no
made_venv='' made_version='' switched=no had_state=yes before='' older=''

say() { echo "edgeferry: $*"; }

die() {
    echo "edgeferry: $*" >&2
    exit 1
}

# step WORDS COMMAND...: run it; its own words are shown only where it fails.
step() {
    what=$1
    shift
    if ! log=$("$@" 2>&1); then
        case $log in
            *'No space left'* | *'Disk quota'*) die "$what: the disk is full" ;;
            *) die "$what: $(echo "$log" | tail -n 3 | tr '\n' ' ')" ;;
        esac
    fi
}

# --- what is where -------------------------------------------------------------------------------------------------

places() {
    opt=$root/opt/edgeferry
    units=$root/etc/systemd/system
    rules=$root/etc/udev/rules.d/60-edgeferry.rules
    state=$root/var/lib/edgeferry
    unit=$units/$service
    wanted=$units/multi-user.target.wants/$service
}

serving() { readlink "$opt/${1:-current}" 2>/dev/null | sed 's|^versions/||'; }

short_digest() { sha256sum | cut -c 1-16; }

point() { # NAME VERSION: one rename, so that NAME always leads somewhere
    ln -sfn "versions/$2" "$opt/$1.new"
    mv -T "$opt/$1.new" "$opt/$1"
}

# --- systemd and udev ----------------------------------------------------------------------------------------------

manager() { [ -n "$root" ] || systemctl "$@"; }

# Only the groups this system has: systemd refuses to start a service with any other.
groups_here() {
    for group in video render plugdev; do
        ! grep -qs "^$group:" "$root/etc/group" || printf '%s ' "$group"
    done
}

# Service and rules as VERSION has them, or none where there is no version.
place_service() {
    if [ -z "$1" ]; then
        rm -f "$unit" "$wanted" "$rules"
    else
        mkdir -p "$units/multi-user.target.wants"
        sed "s/@GROUPS@/$(groups_here)/" "$opt/versions/$1/systemd/$service" > "$unit.new"
        mv "$unit.new" "$unit"
        ln -sfn "../$service" "$wanted"
        if [ -f "$opt/versions/$1/udev/60-edgeferry.rules" ]; then
            mkdir -p "$(dirname "$rules")"
            cp "$opt/versions/$1/udev/60-edgeferry.rules" "$rules"
        else
            rm -f "$rules"
        fi
    fi
    manager daemon-reload
    if [ -z "$root" ] && command -v udevadm > /dev/null; then
        udevadm control --reload > /dev/null 2>&1 || true
        udevadm trigger --subsystem-match=usb --subsystem-match=apex > /dev/null 2>&1 || true
    fi
}

# --- going back ----------------------------------------------------------------------------------------------------

at_end() {
    code=$?
    trap - EXIT
    trap '' HUP INT TERM PIPE
    set +e
    if [ "$code" -ne 0 ] && [ "$remove" = no ]; then
        undo 2> /dev/null
        echo "edgeferry: the device is as it was before" >&2
    fi
    exit "$code"
}

# DynamicUser= keeps both below `private` and leaves a link where they are looked for.
forget() { rm -rf "$state" "$root/var/lib/private/edgeferry" "$root/var/cache/edgeferry" "$root/var/cache/private/edgeferry"; }

undo() {
    if [ "$switched" = yes ]; then
        if [ -n "$older" ]; then point previous "$older"; else rm -f "$opt/previous"; fi
        if [ -n "$before" ]; then
            point current "$before"
        else
            manager stop "$service"
            rm -f "$opt/current"
        fi
        place_service "$before"
        [ -z "$before" ] || manager restart --no-block "$service"
        [ "$had_state" = yes ] || forget
    fi
    [ -z "$made_version" ] || rm -rf "$opt/versions/$made_version" "$opt/versions/$made_version.new"
    [ -z "$made_venv" ] || rm -rf "$opt/venvs/$made_venv"
    rm -f "$opt/current.new" "$unit.new"
    rmdir "$opt/versions" "$opt/venvs"
    [ -d "$opt/versions" ] || rm -f "$opt/.lock"
    rmdir "$opt"
}

# --- the steps of an installation ----------------------------------------------------------------------------------

find_python() {
    python=$(command -v python3) || die 'there is no python3: apt-get install python3'
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
        || die "Python 3.10 or later is needed, and this is $version"
}

# LoadCredential= hands the service its keys.
check_systemd() {
    found=$(manager --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ -n "$root" ] || [ "${found:-0}" -ge 247 ] || die "systemd 247 or later is needed, and this is ${found:-none}"
}

# Without a network from wheels/; pip itself may be one of the wheels, where the system's Python comes without.
make_venv() {
    folder=$opt/venvs/$venv
    [ ! -f "$folder/complete" ] || return 0
    say "installing the agent for Python $version, some minutes on a small device"
    made_venv=$venv
    rm -rf "$folder"
    mkdir -p "$opt/venvs"
    pip_wheel=$(find "$here" -path '*/wheels/pip-*.whl' | head -n 1)
    if [ -n "$pip_wheel" ]; then
        step 'the environment cannot be made' "$python" -m venv --without-pip "$folder"
    else
        "$python" -c 'import ensurepip' 2> /dev/null \
            || die 'there is no pip: apt-get install python3-venv, or put a wheel of pip into the wheelhouse'
        step 'the environment cannot be made' "$python" -m venv "$folder"
    fi
    set -- "$folder/bin/python" -m pip install --no-input --disable-pip-version-check --no-cache-dir --quiet
    # A pip.conf of the system must not add other places to these wheels.
    [ ! -d "$here/wheels" ] || set -- env PIP_CONFIG_FILE=/dev/null "$@" --no-index --find-links "$here/wheels"
    step 'the packages cannot be installed' env PYTHONPATH="$pip_wheel" "$@" \
        --requirement "$here/requirements.txt" --constraint "$here/constraints.txt"
    step 'the agent does not start' "$folder/bin/edgeferry" --version
    : > "$folder/complete"
}

# The folder without its wheels; what the agent is told and its keys are for root, who hands them to the service.
make_version() {
    folder=$opt/versions/$id
    [ ! -d "$folder" ] || return 0
    made_version=$id
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    for name in config first.bundle requirements.txt constraints.txt systemd udev install.sh SHA256SUMS; do
        [ ! -e "$here/$name" ] || step "$name cannot be copied" cp -R "$here/$name" "$folder.new/"
    done
    chmod -R go-rwx "$folder.new/config"
    chmod 644 "$folder.new/first.bundle"
    ln -s "../../venvs/$venv" "$folder.new/venv"
    [ "$(id -u)" -ne 0 ] || chown -R 0:0 "$folder.new"
    sync
    mv "$folder.new" "$folder"
}

# 0 as well where systemd does not say: a slow answer is no dying agent.
restarts() {
    count=$(manager show --property NRestarts --value "$service") || count=0
    echo "${count:-0}"
}

# The agent leaves a new record with each start, once frames are answered and told.
reported() { [ -f "$state/reporting.json" ] && [ "$(cat "$state/reporting.json")" != "$record" ]; }

uptime_s() { cut -d . -f 1 /proc/uptime; }

start_and_wait() {
    record=$(cat "$state/reporting.json" 2> /dev/null || true)
    step 'the service cannot be started' systemctl restart --no-block "$service"
    began_s=$(uptime_s) told_s=0
    until reported; do
        waited_s=$(($(uptime_s) - began_s))
        [ "$waited_s" -lt "$wait_s" ] || die "no frame was reported within $wait_s s. $(last_words)"
        [ "$(restarts)" -lt 3 ] || die "the agent ends again and again. $(last_words)"
        if [ "$waited_s" -ge $((told_s + 5)) ]; then
            say "waiting for the first frame, $waited_s s"
            told_s=$waited_s
        fi
        sleep 1
    done
    say "the first frame was reported after $(($(uptime_s) - began_s)) s"
}

last_words() {
    journalctl --unit "$service" --lines 20 --output cat --no-pager 2> /dev/null | grep -A 2 '^Error: ' | tail -n 3 | tr -s '\n ' ' '
}

# Two versions stay, and the environments they use.
prune() {
    for folder in "$opt"/versions/*; do
        case ${folder##*/} in "$(serving)" | "$(serving previous)") ;; *) rm -rf "$folder" ;; esac
    done
    used=$(for folder in "$opt"/versions/*; do readlink "$folder/venv"; done)
    for folder in "$opt"/venvs/*; do
        case $used in *"${folder##*/}"*) ;; *) rm -rf "$folder" ;; esac
    done
}

install() {
    here=$(cd "$(dirname "$0")" && pwd)
    cd "$here"
    sha256sum --check --strict --quiet SHA256SUMS > /dev/null 2>&1 \
        || die 'the files are damaged or incomplete: copy them anew'
    id=$(short_digest < SHA256SUMS)
    mkdir -p "$opt"
    exec 9> "$opt/.lock"
    flock -n 9 || die 'another installation is under way'
    before=$(serving || true)
    if [ "$before" = "$id" ] && [ -f "$opt/versions/$id/confirmed" ] && manager is-active --quiet "$service"; then
        say "unchanged: $id serves already"
        return 0
    fi
    check_systemd
    find_python
    # What the environment depends on; a new Python of the system makes a new one.
    venv=$({ echo "$version"; grep -E '  (wheels/|requirements|constraints)' SHA256SUMS; } | short_digest)
    make_venv
    make_version
    older=$(serving previous || true)
    # An installation that power cut short is no version to go back to.
    [ "$before" != "$id" ] || [ -f "$opt/versions/$id/confirmed" ] || before=$older
    [ -d "$state" ] || had_state=no
    step 'the disk cannot be written' sync
    switched=yes
    place_service "$id"
    [ -z "$before" ] || [ "$before" = "$id" ] || point previous "$before"
    point current "$id"
    if [ -n "$wait_s" ]; then
        start_and_wait
    else
        manager restart --no-block "$service"
    fi
    : > "$opt/versions/$id/confirmed"
    prune
    sync
    say "installed: $id serves"
}

remove() {
    manager stop "$service" || true
    place_service ''
    rm -rf "$opt"
    say 'removed: the agent, its service and its configuration'
    if [ "$purge" = yes ]; then
        forget
        say "removed: what it had kept in $state"
    elif [ -e "$state" ]; then
        say "kept: $state, the models and what was not yet sent; --purge removes it"
    fi
}

while [ $# -gt 0 ]; do
    case $1 in
        --wait) wait_s=$2 && shift ;;
        --root) root=$(cd "$2" && pwd) && shift ;;
        --remove) remove=yes ;;
        --purge) purge=yes ;;
        *) die "no such option: $1" ;;
    esac
    shift
done
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die 'only root may do this: sudo sh install.sh'
[ -z "$root" ] || wait_s=''
places
trap at_end EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
if [ "$remove" = yes ]; then remove; else install; fi

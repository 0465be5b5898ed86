# Takes a payload from standard input (tar) and has it install itself. Whatever breaks, nothing of it stays.
set -eu
umask 077
export LC_ALL=C
folder=$(mktemp -d /var/tmp/edgeferry.XXXXXX) || { echo 'edgeferry: the disk is full, or /var/tmp cannot be written' >&2; exit 1; }
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
if ! log=$(tar -x -f - -C "$folder" --no-same-owner 2>&1); then
    case $log in
        *'No space left'* | *'Disk quota'*) log='the disk is full' ;;
    esac
    echo "edgeferry: the files did not arrive: $(echo "$log" | tail -n 1)" >&2
    exit 1
fi
echo 'edgeferry: the files are there'
# What install.sh is checked by would be missing, too, where the stream ended early.
[ -f "$folder/SHA256SUMS" ] || { echo 'edgeferry: the files did not arrive: the stream ended early' >&2; exit 1; }
sh "$folder/install.sh" --wait "$wait_s" < /dev/null

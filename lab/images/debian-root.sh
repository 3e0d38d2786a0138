# Makes Debian's root file system out of a bootstrapped archive; runs as root of a user namespace, so that owners are what they should be.
# Arguments: archive, disk, byte offset on the disk, size as mke2fs takes it.
set -eu
archive=$1 disk=$2 offset=$3 size=$4
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tar -C "$root" --exclude './dev/*' -xf "$archive"

# What must not be the same on two machines, or came from the machine that built it.
rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/resolv.conf "$root"/etc/hostname "$root"/*.old
: >"$root/etc/machine-id"

echo 'LABEL=ferrule-root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
cat >"$root/etc/cloud/cloud.cfg.d/90_ferrule.cfg" <<'END'
# Where instance data may come from. Nobody is asked over the network.
datasource_list: [ConfigDrive, NoCloud, None]
ssh_genkeytypes: [ed25519]
# Generating one is a minute of work on a slow machine; C.UTF-8 is there.
locale: false
# As it was bootstrapped.
apt: {preserve_sources_list: true}
END
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"

# GRUB 2.06 reads neither of the two features.
mke2fs -q -F -t ext4 -L ferrule-root -O '^metadata_csum_seed,^orphan_file' -m 1 -E "offset=$offset" -d "$root" "$disk" "$size"

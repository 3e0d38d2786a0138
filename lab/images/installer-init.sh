#!/bin/busybox sh
# The whole of an installer that stands for Anaconda on the rack: fetches its kickstart file, runs its sections in Anaconda's order, writes what `liveimg` names
# onto the disk, shows what the sections left in the system, and starts again.
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /tmp /mnt/sysimage /etc
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin ANA_INSTALL_PATH=/mnt/sysimage
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
say() { echo "installer: $*"; }
say "runs with $(cat /proc/cmdline | sed 's|inst.ks=[^ ]*|inst.ks=...|')"
while read -r module; do insmod "/modules/$module" || say "no $module"; done </modules/order

cat >/etc/lease <<'END'
#!/bin/sh
[ "$1" = bound ] && ifconfig "$interface" "$ip" netmask "$subnet"
exit 0
END
chmod +x /etc/lease
ifconfig lo 127.0.0.1
wanted=$(sed -n 's/.*BOOTIF=\(01-\)\?\([^ ]*\).*/\2/p' /proc/cmdline | tr 'A-F-' 'a-f:')
for nic in /sys/class/net/e*; do
  [ "$(cat "$nic/address")" = "$wanted" ] || continue
  ip link set "${nic##*/}" up
  udhcpc -q -n -t 20 -i "${nic##*/}" -s /etc/lease >/dev/null 2>&1 || say 'no address'
done

halt() { say "stops: $1"; while :; do sleep 3600; done; }
url=$(sed -n 's/.*inst\.ks=\([^ ]*\).*/\1/p' /proc/cmdline)
curl --fail --silent --show-error --retry 5 --output /tmp/ks.cfg "$url" || halt 'no kickstart file'
curl --fail --silent --output /dev/null "$url" && say 'the kickstart file is to be had twice'

# Each section in a file of its own, numbered in their order; the rest are the commands.
awk '/^%end/ { out = ""; next } /^%/ && out == "" { out = sprintf("/tmp/%02d.%s", ++n, substr($1, 2)); next }
  { print > (out == "" ? "/tmp/commands" : out) }' /tmp/ks.cfg
sections() { for file in /tmp/[0-9][0-9]."$1"; do [ -f "$file" ] && { sh "$file" || say "%$1 failed"; }; done; }
failed() { say "fails: $1"; echo "$1" >/tmp/anaconda.log; sections onerror; halt 'failed'; }

sections pre
image=$(sed -n 's/^liveimg --url="\{0,1\}\([^" ]*\).*/\1/p' /tmp/commands)
sum=$(sed -n 's/^liveimg .*--checksum=\([0-9a-f]*\).*/\1/p' /tmp/commands)
for disk in /dev/vda /dev/sda /dev/nvme0n1; do [ -b "$disk" ] && break; done
curl --fail --silent --show-error --output /tmp/image "$image" || failed 'no image'
[ "$(sha256sum /tmp/image | cut -d ' ' -f 1)" = "$sum" ] || failed 'another checksum'
dd if=/tmp/image of="$disk" bs=1M 2>/dev/null || failed 'no disk'
sections post
for file in $(cd $ANA_INSTALL_PATH && find . -type f); do
  say "left $file $(sha256sum <"$ANA_INSTALL_PATH/$file" | cut -d ' ' -f 1)"
done
sync
grep -q '^reboot' /tmp/commands && { say 'starts the machine again'; reboot -f; }
halt 'a key is awaited'

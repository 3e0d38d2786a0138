#!/bin/busybox sh
# First process of the deploy ramdisk: file systems, drivers, network, agent. Its lines on the console carry the uptime in seconds.
# (busybox runs its own applets before anything in PATH, so programs of other packages are called by their full path.)
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
say() { read -r up _ < /proc/uptime; echo "ferrule-init: [$up s] $*"; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /run /tmp
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# The kernel's errors too: a disk that fails is seen on the console.
echo 4 > /proc/sys/kernel/printk
say "up, $(sed -n 's/^MemAvailable: *//p' /proc/meminfo) available"

# One modprobe for all devices; a second round for those behind the drivers of the first (a disk behind its controller).
for round in 1 2; do
  find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u > /tmp/aliases
  xargs -r /usr/sbin/modprobe -a -b -q < /tmp/aliases 2>/dev/null
done
/usr/sbin/modprobe -a -q sd_mod efivarfs vfat nls_cp437 nls_ascii 2>/dev/null
[ -d /sys/firmware/efi/efivars ] && mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null
# No software RAID is put together by itself: the agent does that with the node's own (agent/disk/md-arrays.ts).
mkdir -p /etc/mdadm
echo 'AUTO -all' > /etc/mdadm/mdadm.conf
/usr/sbin/modprobe -a -q raid0 raid1 raid10 raid456 2>/dev/null
# The last words of kernels that crashed on this machine.
/usr/sbin/modprobe -q efi_pstore 2>/dev/null
[ -d /sys/fs/pstore ] && mount -t pstore pstore /sys/fs/pstore 2>/dev/null
say "drivers loaded, disks: $(ls /sys/block | grep -v -e loop -e ram -e sr | tr '\n' ' ')"

# The interface that the firmware booted from, or all that there are: with the address that the boot medium brought for it, or by DHCP. udhcpc stays and
# renews; the agent waits for an address by itself.
ip link set lo up
bootif=$(sed -n 's/.*BOOTIF=\(01-\)\?\([^ ]*\).*/\2/p' /proc/cmdline | tr 'A-F-' 'a-f:')
chosen=
for nic in /sys/class/net/*; do
  [ -e "$nic/device" ] || continue
  ip link set "${nic##*/}" up
  [ "$(cat "$nic/address")" = "$bootif" ] && chosen=${nic##*/}
done
given() { sed -n "s/.*ferrule\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
address=$(given address)
for nic in ${chosen:-$(ls /sys/class/net)}; do
  [ -e "/sys/class/net/$nic/device" ] || continue
  if [ -n "$chosen" ] && [ -n "$address" ]; then
    say "$address on $nic"
    interface=$nic ip=${address%/*} mask=${address#*/} router=$(given router) dns=$(given dns | tr , ' ') /usr/share/ferrule/udhcpc.sh bound
    continue
  fi
  say "DHCP on $nic"
  udhcpc -i "$nic" -f -t 5 -T 1 -A 2 -s /usr/share/ferrule/udhcpc.sh > /dev/null 2>&1 &
done

# A person has the machine from now on: SSH and the consoles ask for the user rescue.
rescue() {
  mkdir -p /dev/pts /etc/dropbear
  mount -t devpts devpts /dev/pts
  /usr/sbin/dropbear -E -R
  for tty in $(cat /sys/class/tty/console/active); do
    [ "$tty" = tty0 ] && tty=tty1
    while :; do setsid getty -L 115200 "$tty" vt100; sleep 1; done &
  done
  say "rescue: user rescue by SSH and on the consoles"
  wait
}

# Exit code 3: the agent must stay silent (its token belongs to another). 4: it is not needed any more. Otherwise it is started again.
while :; do
  say "agent starts"
  /opt/ferrule/node /opt/ferrule/start.cjs
  code=$?
  say "agent ended with $code"
  [ $code = 3 ] && while :; do sleep 3600; done
  [ $code = 4 ] && rescue
  sleep 10
done

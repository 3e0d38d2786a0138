#!/bin/busybox sh
# The whole of the tiny test OS: finds its config drive, says who it is on the serial console, stays up.
#   FERRULE-OS-UP host=<hostname> uuid=<uuid> firmware=bios|efi config=<device>
# A volume that firmware booted by iSCSI is told behind that: "FERRULE-OS-VOLUME <target> as <initiator>".
# Each line of user_data follows as "user_data: <line>"; the lines "ferrule: poweroff" and "ferrule: reboot" are obeyed.

/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /mnt /etc/acpi/PWRF /var/log /var/run
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
while read -r module; do insmod "/modules/$module"; done </modules/order

# The power button, pressed by a BMC's soft power off.
printf '#!/bin/sh\necho FERRULE-OS-POWER-BUTTON\npoweroff -f\n' >/etc/acpi/PWRF/00000080
chmod +x /etc/acpi/PWRF/00000080
acpid 2>/dev/null

# The volume label of ISO 9660 is 32 bytes at 32808.
label() { dd if="$1" bs=8 skip=4101 count=4 2>/dev/null | tr -d ' \0' | tr A-Z a-z; }

# Partitions first: a config drive on the disk counts before one in a CD drive. Disks may take a moment to appear.
config=
for try in 1 2 3 4 5 6 7 8 9 10; do
  for device in /dev/vd*[0-9] /dev/sd*[0-9] /dev/nvme*p[0-9]* /dev/sr*; do
    [ -b "$device" ] && [ "$(label "$device")" = config-2 ] && config=$device && break 2
  done
  [ "$try" -gt 3 ] && [ -b /dev/vda -o -b /dev/sda -o -b /dev/nvme0n1 ] && break
  sleep 0.3
done
latest=/mnt/openstack/latest
[ -n "$config" ] && mount -t iso9660 -o ro "$config" /mnt

value() { grep -o "\"$1\": *\"[^\"]*\"" $latest/meta_data.json 2>/dev/null | head -n 1 | sed 's/.*"\(.*\)"$/\1/'; }
host=$(value hostname)
host=${host:-$(value name)}
hostname "${host:-unconfigured}"
firmware=bios
[ -d /sys/firmware/efi ] && firmware=efi
echo "FERRULE-OS-UP host=$host uuid=$(value uuid) firmware=$firmware config=$config"
# What firmware leaves for the system (iBFT): by that a real one would go on.
ibft=/sys/firmware/ibft
[ -d $ibft/target0 ] && echo "FERRULE-OS-VOLUME $(cat $ibft/target0/target-name) as $(cat $ibft/initiator/initiator-name)"
[ -f $latest/user_data ] && sed 's/^/user_data: /' $latest/user_data
grep -q '^ferrule: poweroff' $latest/user_data 2>/dev/null && poweroff -f
grep -q '^ferrule: reboot' $latest/user_data 2>/dev/null && reboot -f

# An address by DHCP from whoever gives one; nothing waits for it.
cat >/etc/lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ifconfig "$interface" "$ip" netmask "$subnet"
echo "FERRULE-OS-ADDRESS $interface $ip" >/dev/console
END
chmod +x /etc/lease
for nic in /sys/class/net/e*; do
  [ -e "$nic" ] || continue
  ip link set "${nic##*/}" up
  udhcpc -b -q -i "${nic##*/}" -s /etc/lease >/dev/null 2>&1 &
done

while :; do setsid cttyhack sh; done

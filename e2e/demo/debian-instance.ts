// What the demo asks of Debian through its config drive: a static address, and one line on the console that says who it is.
// The line is the one that the tiny image prints, with the address that the system really has.
import type { StoryInstance } from './story.ts'

export interface Provisioning {
  /** Of the machine's port. */
  readonly mac: string
  /** In no DHCP pool. */
  readonly address: string
  readonly netmask: string
  readonly gateway: string
}

/** cloud-init runs it once, as the last thing of the first boot. */
const RUNCMD = [
  'instance=$(cat /var/lib/cloud/data/instance-id)',
  "address=$(ip -4 -o address show scope global | awk '{print $4}')",
  'firmware=$([ -d /sys/firmware/efi ] && echo efi || echo bios)',
  'echo "FERRULE-OS-UP host=$(hostname --fqdn) uuid=$instance firmware=$firmware config=$(blkid -L config-2) address=$address" >/dev/console',
].join('; ')

/** Static address in OpenStack's network_data.json, user data as cloud-config. */
export function debianInstance({ mac, address, netmask, gateway }: Provisioning): StoryInstance {
  const cloudConfig = {
    // So that `hostname --fqdn` knows the whole name.
    manage_etc_hosts: true,
    runcmd: [['sh', '-c', RUNCMD]],
  }
  return {
    // JSON is YAML.
    user_data: `#cloud-config\n${JSON.stringify(cloudConfig, null, 2)}\n`,
    network_data: {
      links: [{ id: 'provisioning-nic', type: 'phy', ethernet_mac_address: mac }],
      networks: [
        {
          id: 'provisioning',
          type: 'ipv4',
          link: 'provisioning-nic',
          ip_address: address,
          netmask,
          routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway }],
        },
      ],
      services: [{ type: 'dns', address: gateway }],
    },
  }
}

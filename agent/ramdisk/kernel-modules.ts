// Which kernel modules a deploy ramdisk needs: disks, networks, consoles and keyboards of servers, the file systems of config drives and of most
// instances, and what they depend on. Whole folders are taken, so that a controller nobody thought of works, too.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Prefixes of paths below lib/modules/VERSION/kernel/. */
const wanted = [
  'drivers/ata/',
  'drivers/block/virtio_blk',
  'drivers/block/xen-blkfront',
  'drivers/char/ipmi/',
  'drivers/char/hw_random/virtio-rng',
  'drivers/firmware/efi/',
  'drivers/hid/hid-generic',
  'drivers/hid/usbhid/usbhid',
  'drivers/hv/',
  'drivers/md/md-mod',
  'drivers/md/raid',
  'drivers/message/fusion/',
  'drivers/mmc/',
  'drivers/net/bonding/',
  'drivers/net/ethernet/',
  'drivers/net/hyperv/',
  'drivers/net/mdio',
  'drivers/net/phy/',
  'drivers/net/virtio_net',
  'drivers/net/vmxnet3/',
  'drivers/net/xen-netfront',
  'drivers/nvme/host/',
  'drivers/scsi/',
  'drivers/usb/core/',
  'drivers/usb/host/',
  'drivers/usb/storage/',
  'drivers/virtio/',
  'fs/efivarfs/',
  'fs/ext4/',
  'fs/fat/',
  'fs/isofs/',
  'fs/nls/nls_ascii',
  'fs/nls/nls_cp437',
  'fs/overlayfs/',
  'net/8021q/',
]
/** In those folders, but of no use here: a simulated disk, tape drives, storage over Ethernet frames. */
const unwanted = /scsi_debug|\/st\.ko|drivers\/scsi\/(?:bnx2fc|fcoe)\//

/** Paths (relative to the module folder) of the wanted modules and all they depend on, sorted. */
export async function chooseModules(folder: string): Promise<string[]> {
  const dependencies = new Map<string, string[]>()
  for (const line of (await readFile(join(folder, 'modules.dep'), 'utf8')).split('\n')) {
    const [path, rest] = line.split(':')
    if (path && rest !== undefined) dependencies.set(path, rest.trim().split(/\s+/).filter(Boolean))
  }
  const chosen = new Set<string>()
  for (const [path, needs] of dependencies) {
    const name = path.replace(/^kernel\//, '')
    if (!wanted.some((prefix) => name.startsWith(prefix)) || unwanted.test(name)) continue
    for (const module of [path, ...needs]) chosen.add(module)
  }
  return [...chosen].sort()
}

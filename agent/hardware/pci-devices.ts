// The PCI devices of a machine as Ironic's collector `pci-devices` has them: numbers in hexadecimal, without 0x.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface PciDevice {
  readonly bus: string
  readonly vendor_id: string
  readonly product_id: string
  readonly class: string
  readonly revision: string
}

/** `root` stands for `/`. By their place on the bus; one that says nothing of itself is left out. */
export async function listPciDevices(root: string): Promise<PciDevice[]> {
  const folder = join(root, 'sys/bus/pci/devices')
  const places = await readdir(folder).catch(() => [] as string[])
  const devices = await Promise.all(
    places.sort().map(async (bus) => {
      const number = async (name: string) => {
        const text = await readFile(join(folder, bus, name), 'utf8').catch(() => '')
        return /^0x([0-9a-f]+)$/i.exec(text.trim())?.[1]?.toLowerCase() ?? ''
      }
      return {
        bus,
        vendor_id: await number('vendor'),
        product_id: await number('device'),
        class: await number('class'),
        revision: await number('revision'),
      }
    }),
  )
  return devices.filter((device) => device.vendor_id !== '' && device.product_id !== '')
}

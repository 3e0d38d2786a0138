// Network interfaces that are hardware: their MAC addresses are what a lookup knows a machine by.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface Nic {
  name: string
  /** Lower-case with colons. */
  mac: string
  hasCarrier: boolean
}

/** Interfaces with a device behind them and a MAC that is not all zeros, by name. `root` stands for `/`. */
export async function listNics(root: string): Promise<Nic[]> {
  const folder = join(root, 'sys/class/net')
  const names = await readdir(folder).catch(() => [] as string[])
  const nics = await Promise.all(
    names.map(async (name) => {
      const get = async (file: string) => (await readFile(join(folder, name, file), 'utf8').catch(() => '')).trim()
      const isHardware = await stat(join(folder, name, 'device')).catch(() => null)
      const mac = (await get('address')).toLowerCase()
      if (!isHardware || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || mac === '00:00:00:00:00:00') return null
      return { name, mac, hasCarrier: (await get('carrier')) === '1' }
    }),
  )
  return nics.filter((nic) => nic !== null).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

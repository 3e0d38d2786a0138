import { pciDevicesOf, type Hook } from '../found.ts'

export const pciDevices: Hook = (found, { pciAliases }) => {
  const names = (pciDevicesOf(found) ?? []).flatMap(({ id }) => pciAliases.get(id) ?? [])
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, String(all.length)])
  return { capabilities: Object.fromEntries(counts) }
}

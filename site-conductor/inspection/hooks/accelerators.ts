import { pciDevicesOf, type Hook } from '../found.ts'

export const accelerators: Hook = (found, { accelerators: known }) => {
  const devices = pciDevicesOf(found)
  if (devices === undefined) return undefined
  const told = devices.flatMap(({ bus, id }) => {
    const { type, info } = known.get(id) ?? {}
    const [vendor_id, device_id] = id.split(':')
    return type === undefined ? [] : [{ vendor_id, device_id, type, device_info: info, pci_address: bus }]
  })
  return { properties: { accelerators: told } }
}

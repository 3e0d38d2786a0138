// properties.capabilities as Ironic's users write it: "boot_mode:uefi,secure_boot:true", or an object.

export function capabilitiesOf(properties: Readonly<Record<string, unknown>>): Record<string, string> {
  const value = properties['capabilities']
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, String(each)]))
  }
  if (typeof value !== 'string') return {}
  const pairs = value.split(',').map((pair) => pair.split(':').map((part) => part.trim()))
  return Object.fromEntries(pairs.flatMap(([name, each]) => (name && each !== undefined ? [[name, each]] : [])))
}

/** Ironic's default is uefi too. */
export function bootModeOf(properties: Readonly<Record<string, unknown>>): 'bios' | 'uefi' {
  return capabilitiesOf(properties)['boot_mode'] === 'bios' ? 'bios' : 'uefi'
}

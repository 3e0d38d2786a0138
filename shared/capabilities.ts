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

/** With these; null removes one. They stay as they are written: text, or an object. */
export function withCapabilities(
  properties: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, string | null>>,
): string | Record<string, string> {
  const all = new Map(Object.entries(capabilitiesOf(properties)))
  for (const [name, value] of Object.entries(changes))
    if (value === null) all.delete(name)
    else all.set(name, value)
  const present = properties['capabilities']
  const isObject = typeof present === 'object' && present !== null
  return isObject ? Object.fromEntries(all) : [...all].map((pair) => pair.join(':')).join(',')
}

/** Ironic's default is uefi too. */
export function bootModeOf(properties: Readonly<Record<string, unknown>>): 'bios' | 'uefi' {
  return capabilitiesOf(properties)['boot_mode'] === 'bios' ? 'bios' : 'uefi'
}

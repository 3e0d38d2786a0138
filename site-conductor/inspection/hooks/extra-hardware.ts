// What hardware-detect found, [[class, device, name, value], …], as plugin_data.extra: {class: {device: {name: value}}}. Rules can read it there.
import type { Hook } from '../found.ts'

type Tree = Record<string, Record<string, Record<string, unknown>>>

export const extraHardware: Hook = ({ pluginData: { data } }) => {
  if (!Array.isArray(data) || !data.every((item): item is unknown[] => Array.isArray(item))) return undefined
  const extra: Tree = Object.create(null) as Tree
  for (const [kind, device, name, value] of data) {
    if (value === undefined) continue
    const ofKind = (extra[String(kind)] ??= Object.create(null) as Tree[string])
    const ofDevice = (ofKind[String(device)] ??= Object.create(null) as Tree[string][string])
    ofDevice[String(name)] = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  }
  return { pluginData: { extra, data: null } }
}

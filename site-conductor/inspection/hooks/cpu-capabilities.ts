import type { Hook } from '../found.ts'

/** Flags of /proc/cpuinfo. */
const CAPABILITY: Readonly<Record<string, string>> = {
  vmx: 'cpu_vt',
  svm: 'cpu_vt',
  aes: 'cpu_aes',
  pse: 'cpu_hugepages',
  pdpe1gb: 'cpu_hugepages_1g',
  smx: 'cpu_txt',
}

export const cpuCapabilities: Hook = ({ inventory: { cpu } }) => {
  const found = (cpu?.flags ?? []).flatMap((flag) => CAPABILITY[flag] ?? [])
  return { capabilities: Object.fromEntries(found.map((name) => [name, 'true'])) }
}

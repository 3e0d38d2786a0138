import type { Hook } from '../found.ts'

export const architecture: Hook = ({ inventory: { cpu } }) =>
  cpu?.architecture ? { properties: { cpu_arch: cpu.architecture } } : undefined

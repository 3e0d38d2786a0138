import type { Hook } from '../found.ts'

export const cpus: Hook = ({ inventory: { cpu } }) => (cpu?.count ? { properties: { cpus: cpu.count } } : undefined)

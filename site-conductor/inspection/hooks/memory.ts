import type { Hook } from '../found.ts'

export const memory: Hook = ({ inventory: { memory: found } }) =>
  found?.physical_mb ? { properties: { memory_mb: found.physical_mb } } : undefined

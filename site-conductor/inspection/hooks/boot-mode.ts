import type { Hook } from '../found.ts'

export const bootMode: Hook = ({ inventory: { boot } }) =>
  boot?.current_boot_mode ? { capabilities: { boot_mode: boot.current_boot_mode } } : undefined

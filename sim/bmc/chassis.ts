// The machine as its BMC sees it. A simulated computer implements `Chassis`; `memoryChassis` is one without a computer in it.

export type PowerAction = 'off' | 'on' | 'cycle' | 'reset' | 'diag' | 'soft'

/** Boot flags (IPMI 2.0 Table 28-14, parameter 5), the bits that machines act upon. */
export interface ChassisBoot {
  valid: boolean
  persistent: boolean
  efi: boolean
  /** 0 no override, 1 PXE, 2 disk, 3 safe, 4 diagnostics, 5 CD, 6 BIOS set-up; HTTP_DEVICE. */
  device: number
}

/** UEFI's HTTP boot, which IPMI has no number for. */
export const HTTP_DEVICE = 16

export interface Chassis {
  power(): 'on' | 'off'
  control(action: PowerAction): void
  boot(): ChassisBoot
  setBoot(boot: ChassisBoot): void
}

export const noBoot: ChassisBoot = { valid: false, persistent: false, efi: false, device: 0 }

export interface MemoryChassis extends Chassis {
  /** What the BIOS would have found at each start, oldest first. */
  readonly starts: ChassisBoot[]
  startCount(): number
}

/** Obeys at once. A start consumes flags that are not persistent, as a BIOS does. */
export function memoryChassis(state: 'on' | 'off' = 'off'): MemoryChassis {
  let boot = noBoot
  const starts: ChassisBoot[] = []
  const start = () => {
    state = 'on'
    starts.push(boot)
    if (!boot.persistent) boot = noBoot
  }
  const actions: Record<PowerAction, () => void> = {
    on: () => state === 'off' && start(),
    off: () => (state = 'off'),
    cycle: () => state === 'on' && start(),
    reset: () => state === 'on' && start(),
    diag: () => {},
    soft: () => (state = 'off'),
  }
  return {
    starts,
    startCount: () => starts.length,
    power: () => state,
    control: (action) => void actions[action](),
    boot: () => boot,
    setBoot: (next) => void (boot = next),
  }
}

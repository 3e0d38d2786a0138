// The chassis of one simulated server behind the raw IPMI chassis commands (network function 00h): power and boot flags.
// 1. All five boot flag bytes are kept as written. 2. A one-time request is spent by exactly one start of the machine.
// Pure: power, time and logging are given. Whichever BMC stands in front only relays bytes.

/** What the chassis commands act on. Calls return at once; `isOn` tells the state at this moment. */
export interface Power {
  readonly isOn: boolean
  on(): void
  off(): void
  cycle(): void
  reset(): void
  /** ACPI power button: the guest decides. */
  soft(): void
  /** Diagnostic interrupt (NMI). */
  interrupt(): void
}

export type BootDevice = 'net' | 'disk' | 'cdrom'

/** What the boot flags ask of the next start. `device` is null when the flags name none that changes the order. */
export interface BootRequest {
  readonly device: BootDevice | null
  readonly persistent: boolean
  readonly efi: boolean
}

const OK = 0x00
const INVALID_COMMAND = 0xc1
const LENGTH_INVALID = 0xc7
const FIELD_INVALID = 0xcc
const WRONG_STATE = 0xd5
const PARAMETER_UNSUPPORTED = 0x80

// IPMI 2.0 table 28-14, parameter 5, data 2 bits 5:2. 3 (safe mode), 4 (diagnostics) and 6 (setup) start in default order.
const BOOT_DEVICES: Readonly<Record<number, BootDevice>> = { 1: 'net', 2: 'disk', 5: 'cdrom' }
const KNOWN_SELECTORS = new Set([0, 1, 2, 3, 4, 5, 6])

const VALID = 0x80
const PERSISTENT = 0x40
const EFI = 0x20
const KEEP_AFTER_TIMEOUT = 0x08

/** IPMI 2.0 table 28-14, parameter 3: without a start within this time the flags become invalid. */
export const BOOT_FLAGS_TIMEOUT_MS = 60_000

export class Chassis {
  readonly #power: Power
  readonly #nowMs: () => number
  // Boot option parameters 0-4, as last written; their length is what "get" answers (IPMI 2.0 table 28-14).
  readonly #parameters = [new Uint8Array(1), new Uint8Array(1), new Uint8Array(1), new Uint8Array(1), new Uint8Array(2)]
  #flags = new Uint8Array(5)
  #flagsSetAtMs = 0

  constructor(power: Power, nowMs: () => number) {
    this.#power = power
    this.#nowMs = nowMs
  }

  /** Answers one chassis command: `command` is the IPMI command byte; the answer starts with the completion code. */
  ipmi(command: number, data: Uint8Array): Uint8Array {
    switch (command) {
      case 0x01:
        return Uint8Array.of(OK, Number(this.#power.isOn) | 0x60, 0, 0)
      case 0x02:
        return Uint8Array.of(this.#control(data))
      case 0x04:
        return Uint8Array.of(OK)
      case 0x08:
        return Uint8Array.of(this.#setBootOption(data))
      case 0x09:
        return this.#getBootOption(data)
      default:
        return Uint8Array.of(INVALID_COMMAND)
    }
  }

  /** What the machine is to start from now; called once for each start. A one-time request is gone afterwards. */
  takeBootRequest(): BootRequest {
    const [first = 0, second = 0] = this.#currentFlags()
    const none = { device: null, persistent: false, efi: false }
    if (!(first & VALID)) return none
    const persistent = Boolean(first & PERSISTENT)
    if (!persistent) this.#flags = new Uint8Array(5)
    return { device: BOOT_DEVICES[(second >> 2) & 0x0f] ?? null, persistent, efi: Boolean(first & EFI) }
  }

  // IPMI 2.0 §28.3. Reset and cycle of a machine that is off are refused, as the specification recommends.
  #control(data: Uint8Array): number {
    const [action] = data
    if (action === undefined) return LENGTH_INVALID
    const power = this.#power
    switch (action & 0x0f) {
      case 0:
        power.off()
        return OK
      case 1:
        power.on()
        return OK
      case 2:
        if (!power.isOn) return WRONG_STATE
        power.cycle()
        return OK
      case 3:
        if (!power.isOn) return WRONG_STATE
        power.reset()
        return OK
      case 4:
        power.interrupt()
        return OK
      case 5:
        power.soft()
        return OK
      default:
        return FIELD_INVALID
    }
  }

  #setBootOption(data: Uint8Array): number {
    if (data.length < 1) return LENGTH_INVALID
    const parameter = (data[0] ?? 0) & 0x7f
    const value = data.subarray(1)
    if (parameter === 5) {
      if (value.length < 5) return LENGTH_INVALID
      if (!KNOWN_SELECTORS.has(((value[1] ?? 0) >> 2) & 0x0f)) return FIELD_INVALID
      this.#flags = value.slice(0, 5)
      this.#flagsSetAtMs = this.#nowMs()
      return OK
    }
    const stored = this.#parameters[parameter]
    if (stored === undefined) return PARAMETER_UNSUPPORTED
    // A parameter selector alone only changes its "locked" bit (IPMI 2.0 §28.12).
    if (value.length > 0) stored.set(value.subarray(0, stored.length))
    return OK
  }

  #getBootOption(data: Uint8Array): Uint8Array {
    if (data.length < 3) return Uint8Array.of(LENGTH_INVALID)
    const parameter = (data[0] ?? 0) & 0x7f
    const value = parameter === 5 ? this.#currentFlags() : this.#parameters[parameter]
    if (value === undefined) return Uint8Array.of(PARAMETER_UNSUPPORTED)
    return Uint8Array.of(OK, 0x01, parameter, ...value)
  }

  #currentFlags(): Uint8Array {
    const [first = 0] = this.#flags
    const mayExpire = first & VALID && !(first & PERSISTENT) && !((this.#parameters[3]?.[0] ?? 0) & KEEP_AFTER_TIMEOUT)
    if (mayExpire && this.#nowMs() - this.#flagsSetAtMs > BOOT_FLAGS_TIMEOUT_MS) this.#flags[0] = first & ~VALID
    return this.#flags
  }
}

/** The order in which the firmware tries its devices: the requested one first, then the default order. */
export function bootOrder(request: BootRequest, defaultOrder: readonly BootDevice[]): BootDevice[] {
  if (request.device === null) return [...defaultOrder]
  return [request.device, ...defaultOrder.filter((device) => device !== request.device)]
}

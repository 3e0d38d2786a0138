/** A flag of driver_info: people write it as a boolean or as a word. */
export function isTrue(value: unknown): boolean {
  return value === true || /^(true|yes|on|1)$/i.test(String(value))
}

// What the boot loader told us.
import { expect, test } from 'vitest'
import { parseKernelParameters } from './kernel-parameters.ts'

test.each<[string, number | undefined]>([
  ['', undefined],
  ['ipa-collect-lldp=0 ipa-lldp-timeout=5', undefined],
  ['ipa-collect-lldp=1', 30_000],
  ['ipa-collect-lldp=True ipa-lldp-timeout=5', 5_000],
  ['ipa-collect-lldp=yes ipa-lldp-timeout=soon', 30_000],
])('how long LLDP is waited for: %s', (line, lldpTimeoutMs) => {
  expect(parseKernelParameters(line).lldpTimeoutMs).toBe(lldpTimeoutMs)
})

import { expect, test } from 'vitest'
import { realMachine } from './machine.ts'

test('logs say how the machine is, and hold no token', async () => {
  const logs = await realMachine(() => 'booted with ipa-agent-token=abc quiet').logs()
  expect(logs['agent.log']).toBe('booted with ipa-agent-token=****** quiet')
  expect(Object.keys(logs)).toEqual(['agent.log', 'dmesg.txt', 'ip_addr.txt', 'lsblk.txt', 'ps.txt'])
  // Whatever this host has: what a program prints, or why it does not.
  for (const [name, text] of Object.entries(logs)) expect([name, text.length > 0]).toEqual([name, true])
})

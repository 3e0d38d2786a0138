// Who is let in by a rescue, and what a conductor does that does not know how an earlier one's ended.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Command } from '../../../agent/command.ts'
import { commands } from '../../../agent/command-list.ts'
import { AgentFault } from '../../../agent/fault.ts'
import { fakeMachine, temporaryFolder } from '../../../agent/testing.ts'
import { BOOT_AGAIN } from '../../deploy/task-context.ts'
import { sha512Crypt } from './sha512-crypt.ts'
import ipmi from '../ipmi.ts'
import { agentRig } from './testdata/agent-rig.ts'

const rig = agentRig(ipmi)
afterEach(rig.close)

const { steps, resume } = ipmi.interfaces.rescue!['agent']!
const context = { instance_info: { rescue_password: 'open sesame' } }

test('the agent gets the hash of the password, and is left to the person', async () => {
  await using folder = await temporaryFolder()
  const machine = fakeMachine([], { root: folder.path })
  const { context: step } = await rig.start(commands, { machine, context })
  await expect(steps!['rescue']!(step)).resolves.toEqual({ context: { rescue_begun: null } })
  const shadow = await readFile(join(folder.path, 'etc/shadow'), 'utf8')
  const hash = /^rescue:([^:]+):/m.exec(shadow)?.[1] ?? ''
  expect(hash).toBe(sha512Crypt('open sesame', hash.split('$')[2]!))
  await expect.poll(() => machine.did).toEqual(['leave'])
  expect(JSON.stringify(step.notes)).not.toContain('open sesame')
})

test('where nobody knows whether the agent was told, the ramdisk is booted again', async () => {
  const finalize = commands.find(({ name }) => name === 'rescue.finalize_rescue')!
  const failing: Command = { ...finalize, run: () => Promise.reject(new AgentFault('DiskWriteError', 'no room')) }
  const { context: step } = await rig.start([failing], { context })
  expect(await resume!(step)).toBeUndefined()
  await expect(steps!['rescue']!(step)).rejects.toThrow('no room')
  expect(await resume!(step)).toBe(BOOT_AGAIN)
})

test('an instance without a rescue password is not rescued', async () => {
  const { context: step, ran } = await rig.start(commands)
  await expect(steps!['rescue']!(step)).rejects.toThrow('rescue_password')
  expect(ran).toEqual([])
})

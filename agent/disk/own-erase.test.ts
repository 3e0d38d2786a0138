// Disks that erase themselves, as their tools tell of them.
import { expect, test } from 'vitest'
import type { ToolResult } from '../tool.ts'
import { ataErase, nvmeFormat, parseAtaSecurity } from './own-erase.ts'

const ok: ToolResult = { code: 0, stdout: '', stderr: '' }
const identity = (...flags: string[]) => `
/dev/sda:

ATA device, with non-removable media
	Model Number:       Samsung SSD 870 EVO 500GB
Commands/features:
	Enabled	Supported:
	   *	Security Mode feature set
Security:
	Master password revision code = 65534
${flags.map((flag) => `\t${flag.startsWith('not ') ? `not\t${flag.slice(4)}` : `\t${flag}`}`).join('\n')}
	4min for SECURITY ERASE UNIT. 8min for ENHANCED SECURITY ERASE UNIT.
Logical Unit WWN Device Identifier: 5002538f00000000
	NAA		: 5
`
const FREE = ['supported', 'not enabled', 'not locked', 'not frozen', 'not expired: security count']

test('what a disk says of its security', () => {
  const none = { enabled: false, locked: false, frozen: false, expired: false }
  expect(parseAtaSecurity(identity(...FREE, 'supported: enhanced erase'))).toEqual({ ...none, enhanced: true })
  expect(parseAtaSecurity(identity('supported', 'enabled', 'locked', 'frozen', 'expired: security count'))).toEqual({
    enabled: true,
    locked: true,
    frozen: true,
    expired: true,
    enhanced: false,
  })
  expect(parseAtaSecurity(identity('not supported'))).toBeUndefined()
  expect(parseAtaSecurity('/dev/vda:\n HDIO_DRIVE_CMD(identify) failed')).toBeUndefined()
})

/** A disk whose security hdparm tells and changes. */
function ataDisk(state: { enabled: boolean; locked: boolean; password?: string; erases?: boolean; frozen?: boolean }) {
  const did: string[] = []
  const has = (flag: boolean | undefined, words: string) => (flag ? words : `not ${words}`)
  const run = async (_: string, args: string[]): Promise<ToolResult> => {
    const refused = { ...ok, code: 5, stderr: 'SECURITY_ERASE: Input/output error' }
    if (args[0] === '-I') {
      const flags = [has(state.enabled, 'enabled'), has(state.locked, 'locked'), has(state.frozen, 'frozen')]
      return { ...ok, stdout: identity('supported', ...flags, 'not expired: security count') }
    }
    const action = args.find((arg) => arg.startsWith('--security'))!.slice('--security-'.length)
    did.push(action)
    const isOurs = (state.password ?? 'NULL') === args[args.indexOf(`--security-${action}`) + 1]
    if (action === 'set-pass') state.enabled = true
    else if (!isOurs) return refused
    else if (action === 'unlock') state.locked = false
    else if (action === 'disable' && !state.locked) state.enabled = false
    else if (action === 'erase' && state.erases !== false) state.enabled = false
    else return refused
    return ok
  }
  return { run, did, state }
}

test('a disk gets a password, is erased with it, and has none afterwards', async () => {
  const { run, did } = ataDisk({ enabled: false, locked: false })
  expect(await ataErase('/dev/sda', run)).toEqual({ how: 'by secure erase' })
  expect(did).toEqual(['set-pass', 'erase'])
})

test('a disk that an erase before has left locked is unlocked with its password', async () => {
  const { run, did } = ataDisk({ enabled: true, locked: true })
  expect(await ataErase('/dev/sda', run)).toEqual({ how: 'by secure erase' })
  expect(did).toEqual(['unlock', 'disable', 'set-pass', 'erase'])
})

test('a disk that somebody else has locked, or the firmware has frozen, says so', async () => {
  const locked = ataDisk({ enabled: true, locked: true, password: 'secret' })
  expect(await ataErase('/dev/sda', locked.run)).toEqual({ cannot: expect.stringContaining('somebody else') as string })
  const frozen = ataDisk({ enabled: false, locked: false, frozen: true })
  expect(await ataErase('/dev/sda', frozen.run)).toEqual({ cannot: expect.stringContaining('frozen') as string })
  expect(frozen.did).toEqual([])
})

test('an erase that fails is no success, and leaves no password behind', async () => {
  const { run, state } = ataDisk({ enabled: false, locked: false, erases: false })
  await expect(ataErase('/dev/sda', run)).rejects.toMatchObject({ type: 'DiskWriteError' })
  expect(state.enabled).toBe(false)
})

/** `namespaces`: or what its list of them looks like. */
const nvme = (controller: object | undefined, namespaces: number | ToolResult = 1, formats = 0) => {
  const did: string[][] = []
  const run = async (_: string, args: string[]): Promise<ToolResult> => {
    if (args[0] === 'id-ctrl')
      return controller ? { ...ok, stdout: JSON.stringify(controller) } : { code: 1, stdout: '', stderr: 'no' }
    if (args[0] === 'list-ns' && typeof namespaces !== 'number') return namespaces
    if (args[0] === 'list-ns')
      return {
        ...ok,
        stdout: Array.from({ length: Number(namespaces) }, (_each, i) => `[   ${i}]:0x${i + 1}`).join('\n'),
      }
    did.push(args.filter((arg) => arg.startsWith('--ses')))
    return { ...ok, code: formats }
  }
  return { run, did }
}

const NOT_KNOWN = { cannot: expect.stringContaining('its namespaces are not known') as string }

test.each([
  ['by a new key', { oacs: 2, fna: 4 }, 1, { how: 'by a new key (NVMe format)' }, [['--ses=2']]],
  ['by erasing its blocks', { oacs: 2, fna: 0 }, 3, { how: 'by NVMe format' }, [['--ses=1']]],
  ['not, without the command', { oacs: 4, fna: 4 }, 1, { cannot: expect.stringContaining('no Format') as string }, []],
  ['not, with others', { oacs: 2, fna: 2 }, 2, { cannot: expect.stringContaining('other namespaces') as string }, []],
  ['not, with nobody knows which others', { oacs: 2, fna: 1 }, { ...ok, code: 1 }, NOT_KNOWN, []],
  ['not, with an empty list of others', { oacs: 2, fna: 2 }, ok, NOT_KNOWN, []],
  [
    'by itself, with room for no other',
    { oacs: 2, fna: 2, nn: 1 },
    { ...ok, code: 1 },
    { how: 'by NVMe format' },
    [['--ses=1']],
  ],
  [
    'by itself, whatever others there are',
    { oacs: 2, fna: 0 },
    { ...ok, code: 1 },
    { how: 'by NVMe format' },
    [['--ses=1']],
  ],
  ['not, when it is silent', undefined, 1, { cannot: expect.stringContaining('no Format') as string }, []],
])('an NVMe disk is formatted %s', async (_, controller, namespaces, outcome, told) => {
  const { run, did } = nvme(controller, namespaces)
  expect(await nvmeFormat('/dev/nvme0n1', run)).toEqual(outcome)
  expect(did).toEqual(told)
})

test('a format that fails is a failure', async () => {
  await expect(nvmeFormat('/dev/nvme0n1', nvme({ oacs: 2 }, 1, 1).run)).rejects.toMatchObject({
    type: 'DiskWriteError',
  })
})

// What one run of a playbook has on this host: a folder for it alone, with the key that opens the machine. It goes with the run.
import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FaultError } from '../../../shared/faults.ts'

export interface RunKey {
  /** Of the private key. */
  readonly file: string
  readonly publicKey: string
}

/** In a conductor's data folder. */
export const runsIn = (dataDir: string): string => join(dataDir, 'ansible')

/** What a conductor that was killed has left. No other one works in that folder. */
export async function sweepRuns(dataDir: string): Promise<void> {
  await rm(runsIn(dataDir), { recursive: true, force: true })
}

/** With a key for this run, or `given`: the file of an operator's private key instead. */
export async function withRunFolder<T>(
  folder: string,
  given: string | undefined,
  use: (key: RunKey) => Promise<T>,
): Promise<T> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    return await use(await keyIn(folder, given))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function keyIn(folder: string, given: string | undefined): Promise<RunKey> {
  const keygen = (args: readonly string[]) => promisify(execFile)('ssh-keygen', args)
  const file = given ?? join(folder, 'key')
  if (given === undefined) await keygen(['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
  const { stdout } = await keygen(['-y', '-P', '', '-f', file]).catch((cause: Error) => {
    throw new FaultError('driver.invalid_info', 'ansible_key_file is no private key without a passphrase', { cause })
  })
  return { file, publicKey: stdout.trim().split(' ').slice(0, 2).join(' ') }
}

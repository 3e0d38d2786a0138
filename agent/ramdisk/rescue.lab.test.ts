// A rescued machine: a person logs in over SSH with the password whose hash the agent was given, is root, and finds nobody else in command.
import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { tool } from '../testdata/host-tools.ts'
import { savedAgent, SSH_PORT } from '../testdata/saved-agent.ts'
import { temporaryFolder } from '../testing.ts'

const run = promisify(execFile)
const PASSWORD = 'open sesame'

it('the user rescue logs in with the password, the wrong one lets nobody in, and the agent answers no more', async () => {
  await using agent = await (await savedAgent()).goOn()
  await using folder = await temporaryFolder()
  const { name } = await agent.addDisk({ sizeMiB: 64, serial: 'SICK' })
  const port = String(await agent.portOf(SSH_PORT))
  const logIn = async (password: string, command: string) => {
    const answer = join(folder.path, 'askpass')
    await writeFile(answer, `#!/bin/sh\necho '${password}'\n`)
    await chmod(answer, 0o700)
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'NumberOfPasswordPrompts=1',
      'ConnectTimeout=60',
    ]
    const args = [...options.flatMap((option) => ['-o', option]), '-F', 'none', '-p', port, 'rescue@127.0.0.1', command]
    const env = { ...process.env, SSH_ASKPASS: answer, SSH_ASKPASS_REQUIRE: 'force' }
    return (await run('ssh', args, { env, timeout: 120_000 })).stdout
  }

  const hash = (await tool('openssl', 'passwd', '-6', '-salt', 'saltsalt', PASSWORD)).trim()
  const { command_error: error } = await agent.command('rescue.finalize_rescue', {
    rescue_password: hash,
    hashed: true,
  })
  expect(error).toBeNull()
  await expect.poll(() => agent.machine.console(), { timeout: 60_000 }).toContain('user rescue by SSH')
  try {
    expect(await logIn(PASSWORD, `id -u; echo mine > ${name}; head -c 4 ${name}`)).toBe('0\nmine')
    await expect(logIn('guessed', 'id')).rejects.toThrow('Permission denied')
    await expect.poll(() => agent.machine.console(), { timeout: 60_000 }).toContain('login:')
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${agent.machine.console()}`, { cause: error })
  }
  await expect(agent.command('poll.get_hardware_info')).rejects.toThrow(/ECONNRE|hang up|closed|disconnected/)
})

// Starts the second kind of BMC, pyghmi's server: other code than ipmi_sim behind the same chassis.
// It speaks cipher suite 3 only and has neither sensors nor serial-over-LAN; the one account is the administrator's.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { accounts } from './ipmi-sim.ts'

/** `directory` holds `chassis.sock`, already open. */
export function startPyghmi({ directory, address }: { directory: string; address: string }): ChildProcess {
  const script = fileURLToPath(new URL('pyghmi-bmc.py', import.meta.url))
  const { username, password } = accounts.administrator
  const output = openSync(join(directory, 'pyghmi.log'), 'a')
  // Debian's Python by path: another one on the PATH would not find Debian's pyghmi.
  const child = spawn('/usr/bin/python3', [script, directory, address, username, password], {
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  return child
}

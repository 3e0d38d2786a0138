// ssh.start_server: lets the holder of one key log in as root, for as long as the work takes that it is for. The answer is what the conductor verifies this machine by.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { AgentFault } from '../fault.ts'
import { findRootDisk } from '../steps/root-disk.ts'
import { writeUsers } from '../users.ts'

const authorizedKey = z
  .string()
  .max(1024)
  .regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}$/, 'not a public key')

export const startSshServer = defineCommand({
  name: 'ssh.start_server',
  about:
    'Starts an SSH server for one key and tells its host key and the root disk; a server from before ends, with its logins.',
  kind: 'sync',
  params: z.object({ authorized_key: authorizedKey }),
  async run(context, { authorized_key: key }) {
    const { machine, signal, log } = context
    if (machine.ssh === undefined)
      throw new AgentFault('CommandExecutionError', 'this ramdisk has no SSH server', 'dropbear is missing')
    const disk = await findRootDisk(context)
    await writeUsers(machine.root)
    const { port, hostKey } = await machine.ssh.start(key, signal)
    log(`SSH server on port ${port} for one key`)
    return { port, host_key: hostKey, root_device: disk.path, root_device_bytes: disk.sizeBytes }
  },
})

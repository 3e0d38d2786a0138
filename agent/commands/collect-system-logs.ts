// log.collect_system_logs: how the machine is, with the agent's and the kernel's recent lines, as base64 of a gzipped tar archive, at most 1 MiB of text each.
import { gzipSync } from 'node:zlib'
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { tarFile, tarEnd } from '../hardware/tar.ts'

const MAX_LOG_BYTES = 1024 * 1024

export const collectSystemLogs = defineCommand({
  name: 'log.collect_system_logs',
  about: 'Recent log lines of the agent and of the kernel, addresses, disks and processes.',
  kind: 'sync',
  params: z.object({}),
  async run({ machine }) {
    const logs = await machine.logs()
    const files = Object.entries(logs).map(([name, text]) => tarFile(name, Buffer.from(text).subarray(-MAX_LOG_BYTES)))
    return { system_logs: gzipSync(Buffer.concat([...files, tarEnd])).toString('base64') }
  },
})

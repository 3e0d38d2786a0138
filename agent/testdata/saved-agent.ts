// The deploy ramdisk in a virtual machine that was saved when its agent was up: each test goes on with a copy of it, plugs disks in and gives commands over
// the agent's own API. Its conductor is gone, so heartbeats fail; commands are waited for.
import type { AgentNode, CommandResult } from '../../shared/agent-protocol.ts'
import type { PlainMachine, PluggedDisk } from '../../lab/plain-machine.ts'
import { saveMachine, type SavedMachineSpec } from '../../lab/saved-machine.ts'
import { askAgent, startFakeConductor } from '../fake-conductor.ts'
import { buildRamdisk } from '../ramdisk/build.ts'
import { testNode } from '../testing.ts'

/** As the guest sees the host's loopback. */
export const HOST = '10.0.2.2'
const AGENT_PORT = 9999
export const ISCSI_PORT = 3260
export const SSH_PORT = 22
const UP_WITHIN_MS = 180_000

interface Facts {
  readonly token: string
  readonly caPem: string
  /** Of a server at HOST that the machine believes: the site's authority has issued it. */
  readonly tls: { readonly cert: string; readonly key: string }
}

export interface RunningAgent extends AsyncDisposable {
  readonly machine: PlainMachine
  /** For a server of the test at HOST. */
  readonly tls: Facts['tls']
  /** A forwarded port of the machine on the host's loopback. */
  portOf(guestPort: number): Promise<number>
  /** Plugs a disk in and waits until the agent lists it; answers the qcow2 file behind it and how the kernel calls it. */
  addDisk(disk: PluggedDisk, fill?: (raw: string) => Promise<void>): Promise<{ file: string; name: string }>
  /** A command, to its end. A failure is an answer, too. */
  command(name: string, params?: Record<string, unknown>): Promise<CommandResult>
  /** A command that is still running. */
  begin(name: string, params: Record<string, unknown>): Promise<{ abort(): Promise<CommandResult> }>
  step(
    phase: 'deploy' | 'clean',
    name: string,
    args: Record<string, unknown>,
    node?: Partial<AgentNode>,
  ): Promise<CommandResult>
}

async function specification(): Promise<SavedMachineSpec> {
  const { kernel, initrd, hash } = await buildRamdisk({ log: console.log })
  return {
    name: 'agent',
    kernel,
    initrd,
    bootHash: hash,
    memoryMiB: 1024,
    mac: '52:54:00:12:34:56',
    forward: [AGENT_PORT, ISCSI_PORT, SSH_PORT],
  }
}

/** Makes the saved machine when it is missing, and answers how to go on with a copy. */
export async function savedAgent(): Promise<{ goOn(): Promise<RunningAgent> }> {
  const saved = await saveMachine(await specification(), bootAgent, console.log)
  return { goOn: async () => agentOn(await saved.goOn(), saved.facts) }
}

async function bootAgent(start: (kernelArguments: string) => PlainMachine): Promise<Facts> {
  const conductor = await startFakeConductor({ node: testNode, names: [HOST] })
  try {
    const machine = start(
      [
        'console=ttyS0',
        `ipa-api-url=https://${HOST}:${conductor.port}`,
        `ferrule.ca=sha256:${conductor.ca.digest}`,
        'ipa-advertise-host=127.0.0.1', // for its certificate
      ].join(' '),
    )
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no heartbeat within ${UP_WITHIN_MS} ms:\n${machine.console()}`)),
        UP_WITHIN_MS,
      )
      timer.unref()
    })
    const died = machine.ended.then<never>(() => {
      throw new Error(`the machine ended:\n${machine.console()}`)
    })
    died.catch(() => {}) // it ends for good when it is saved
    const { agent_verify_ca: caPem } = await Promise.race([conductor.heartbeat(1), late, died])
    if (caPem === undefined) throw new Error('the agent shows no certificate')
    return { token: conductor.token, caPem, tls: await conductor.ca.issue([HOST]) }
  } finally {
    await conductor.close()
  }
}

async function agentOn(machine: PlainMachine, { token, caPem, tls }: Facts): Promise<RunningAgent> {
  const url = `https://127.0.0.1:${await machine.portOf(AGENT_PORT)}`
  const command: RunningAgent['command'] = async (name, params = {}) => {
    const path = `/v1/commands/?wait=true&agent_token=${token}`
    return await askAgent({ url, caPem }, 'POST', path, { name, params }).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}\n${machine.console()}`, { cause: error })
    })
  }
  const disks = async () => {
    const { command_result: found } = await command('poll.get_hardware_info')
    return (found as { disks: { name: string; serial: string | null }[] }).disks
  }
  return {
    machine,
    tls,
    command,
    async begin(name, params) {
      const own = { url, caPem }
      const { id } = await askAgent(own, 'POST', `/v1/commands/?agent_token=${token}`, { name, params })
      const at = `/v1/commands/${id}?agent_token=${token}`
      return {
        async abort() {
          await askAgent(own, 'DELETE', at)
          return await askAgent(own, 'GET', `${at}&wait=true`)
        },
      }
    },
    portOf: (port) => machine.portOf(port),
    async addDisk(disk, fill) {
      const file = await machine.addDisk(disk, fill)
      for (const end = Date.now() + UP_WITHIN_MS; ; ) {
        const seen = await disks()
        const name = seen.find(({ serial }) => serial === disk.serial)?.name
        if (name !== undefined) return { file, name }
        if (Date.now() > end)
          throw new Error(`the kernel does not see disk ${disk.serial}: ${JSON.stringify(seen)}\n${machine.console()}`)
      }
    },
    step: (phase, name, args, node = {}) =>
      command(`${phase}.execute_${phase}_step`, {
        step: { interface: 'deploy', step: name, args },
        node: { ...testNode, ...node },
        ports: [],
      }),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  }
}

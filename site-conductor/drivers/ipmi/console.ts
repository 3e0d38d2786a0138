// The console by serial over LAN, under the name of Ironic's `ipmitool-socat` and offered in its way: a TCP port for one client. Both are ours
// (site-conductor/site/consoles.ts, site-conductor/ipmi/console-line.ts). A client has a session of its own at the BMC, opened when it comes.
import type { Duplex } from 'node:stream'
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import type { ConsoleDoor } from '../../site/consoles.ts'
import { getDeviceId } from '../../ipmi/commands/device-id.ts'
import { activateSol, deactivateSol } from '../../ipmi/commands/payload.ts'
import { ConsoleLine } from '../../ipmi/console-line.ts'
import type { Session } from '../../ipmi/session.ts'
import { asFaults, type IpmiContext, mutate } from './bmc.ts'
import { Escapes } from './escapes.ts'
import { bmcOf, type IpmiInfo, levelOf } from './info.ts'

/** A BMC ends a session after 60 s in which it was told nothing (§6.12.15). */
const KEEP_ALIVE_MS = 20_000
/** Of a client that does not read what its machine says. */
const MOST_UNREAD_BYTES = 1 << 20

function doorOf({ site, driverInfo }: IpmiContext): ConsoleDoor {
  if (driverInfo.ipmi_bridging !== 'no')
    throw new FaultError('driver.unsupported', 'a machine behind an IPMI bridge has no console of its own (SOL)')
  if (site.consoles === undefined) throw new FaultError('driver.unsupported', 'this conductor serves no consoles')
  return site.consoles
}

/** As Ironic, which ends what an earlier console may have left at the BMC. */
async function start(context: StepContext<IpmiInfo>): Promise<StepResult> {
  const door = doorOf(context)
  await mutate(context, deactivateSol, 'highest')
  await door.start(context.node.node, context.driverInfo.ipmi_terminal_port)
  return { facts: { console_enabled: true } }
}

async function stop(context: StepContext<IpmiInfo>): Promise<StepResult> {
  await doorOf(context).stop(context.node.node)
  return { facts: { console_enabled: false } }
}

async function join(context: IpmiContext, client: Duplex): Promise<void> {
  const { driverInfo, signal, before } = context
  const privilege = levelOf(driverInfo)
  await asFaults(context, async (pool) => {
    const own = await pool.own(bmcOf(driverInfo), { privilege, signal, before })
    const { session } = own
    try {
      await deactivateSol(session, { signal, before })
      const most = await activateSol(session, { signal, before })
      context.note('console.joined')
      await carry(context, session, most, client)
    } finally {
      // Where the node is not ours any more, whoever has it ends what is left: closing the session is enough, and quick.
      if (!signal.aborted) await deactivateSol(session, { signal, before }).catch(() => {})
      await own.close()
      context.note('console.left')
    }
  })
}

/** Until the client leaves, or the BMC ends it, or the node is not ours any more. */
async function carry(context: IpmiContext, session: Session, most: number, client: Duplex): Promise<void> {
  const { env, signal, before } = context
  const over = Promise.withResolvers<void>()
  const lost = () => over.reject(signal.reason as Error)
  const line = new ConsoleLine({
    env: { setTimer: (run, delayMs) => env.setTimer(delayMs, run) },
    carrier: session,
    most,
    before,
    onData(data) {
      client.write(data)
      if (client.writableLength > MOST_UNREAD_BYTES) client.destroy()
    },
    onEnd: over.reject,
  })
  let stopTimer = () => {}
  const keepAlive = () => {
    stopTimer = env.setTimer(KEEP_ALIVE_MS, () => void getDeviceId(session, { signal }).then(keepAlive, over.reject))
  }
  keepAlive()
  signal.addEventListener('abort', lost, { once: true })
  type(client, line).then(over.resolve, over.reject)
  try {
    await over.promise
  } finally {
    stopTimer()
    line.close()
    signal.removeEventListener('abort', lost)
  }
}

async function type(client: Duplex, line: ConsoleLine): Promise<void> {
  const escapes = new Escapes()
  for await (const chunk of client) {
    for (const typed of escapes.take(chunk as Buffer)) {
      if (typed === 'hang up') return
      await (typed === 'break' ? line.sendBreak() : line.write(typed.characters))
    }
  }
}

export const socatConsole: Implementation<IpmiInfo> = {
  validate: (context) => void doorOf(context),
  steps: { start_console: start, stop_console: stop },
  methods: {
    async get_console(context) {
      const url = doorOf(context).urlOf(context.node.node)
      return url === undefined ? null : { type: 'socat', url }
    },
    restart_console: (context) => doorOf(context).start(context.node.node, context.driverInfo.ipmi_terminal_port),
  },
  join,
}

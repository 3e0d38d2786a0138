// Ironic's console interface `redfish-graphical`, without a browser beside the conductor: where the BMC speaks RFB, the conductor relays it between the BMC and
// a viewer. The handshake is made on both sides; all that follows is theirs (docs/adr/0021).
import { type Duplex, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FaultError } from '../../../shared/faults.ts'
import { RedfishError } from '../../redfish/errors.ts'
import { checkGraphicalConsole, openScreen } from '../../redfish/screen.ts'
import type { Session } from '../../redfish/session.ts'
import { enter } from '../../rfb/handshake.ts'
import { RfbError, RfbStream } from '../../rfb/stream.ts'
import { bounded } from '../../timing.ts'
import { graphicalConsole } from '../graphical/console.ts'
import { asFaults, type RedfishContext, systemOf } from './bmc.ts'
import { bmcOf, type RedfishInfo } from './info.ts'

/** Of a BMC that has opened the WebSocket and says nothing. */
const GREETING_MS = 15_000

/** What BMCs have answered who have no screen that can be shown, as long as this process runs or until one has. */
const openKnown = () => ({ without: new Map<string, string>(), close: async () => {} })
const placeOf = ({ redfish_address: address, redfish_kvm_path: path }: RedfishInfo) => `${address} ${path}`

/** In a session of its own, where the BMC has sessions. */
function loggedIn<Value>(context: RedfishContext, use: (session: Session) => Promise<Value>): Promise<Value> {
  const { driverInfo, signal, before } = context
  return asFaults(context, async (pool) => {
    const own = await pool.own(bmcOf(driverInfo), { signal, before }).catch((error: unknown) => {
      if (error instanceof RedfishError && error.kind === 'missing') return undefined
      throw error
    })
    if (own === undefined) return await pool.read(bmcOf(driverInfo), use, { signal })
    return await use(own.session).finally(() => own.close())
  })
}

/** The screen, where the client's initialisation is awaited. */
async function openedScreen(context: RedfishContext, session: Session): Promise<Duplex> {
  const { driverInfo, env, signal } = context
  const screen = await openScreen(session, driverInfo.redfish_kvm_path, { signal })
  try {
    await bounded(env, { ms: GREETING_MS, what: 'the greeting of the screen' }, signal, () =>
      enter(new RfbStream(screen)),
    )
    return screen
  } catch (error) {
    screen.destroy()
    if (error instanceof RfbError) throw new RedfishError('missing', `its screen cannot be shown: ${error.message}`)
    throw error
  }
}

async function check(context: RedfishContext): Promise<void> {
  const { driverInfo, signal, site } = context
  const { without } = site.resource(openKnown)
  try {
    await loggedIn(context, async (session) => {
      const { value: system } = await systemOf(context, session, { signal })
      await checkGraphicalConsole(session, system, { signal })
      const screen = await openedScreen(context, session)
      screen.destroy()
    })
    without.delete(placeOf(driverInfo))
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === 'driver.unsupported') {
      without.set(placeOf(driverInfo), error.fault.message)
      throw new FaultError('driver.unsupported', error.fault.message, { hint: HINT })
    }
    throw error
  }
}

const HINT = "use the BMC's own page, or console_interface ipmitool-socat for the serial line"

async function join(context: RedfishContext, client: Duplex, accept: () => void): Promise<void> {
  const { before } = context
  await loggedIn(context, async (session) => {
    const screen = await openedScreen(context, session)
    accept()
    const typed = new Transform({
      transform(chunk, _, done) {
        try {
          before()
          done(null, chunk)
        } catch (error) {
          done(error as Error)
        }
      },
    })
    try {
      // A client whose node is lost is ended by the door (consoles.ts).
      await Promise.race([pipeline(client, typed, screen), pipeline(screen, client)])
    } catch (error) {
      // Else one of both has left.
      if (error instanceof FaultError) throw error
    } finally {
      for (const each of [screen, client]) each.destroy()
    }
  })
}

export const redfishGraphical = graphicalConsole<RedfishInfo>({
  validate({ driverInfo, site }) {
    const why = site.resource(openKnown).without.get(placeOf(driverInfo))
    if (why !== undefined) throw new FaultError('driver.unsupported', `${why}; ${HINT}`)
  },
  check,
  join,
})

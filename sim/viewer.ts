// A viewer that looks at nothing: is it let in, and until when?
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { enter } from '../site-conductor/rfb/handshake.ts'
import { RfbStream } from '../site-conductor/rfb/stream.ts'
import type { ScreenInfo } from '../site-conductor/screens/door.ts'

export interface Viewer {
  readonly socket: Socket
  /** What it is called. */
  readonly name: string
  press(keysym: number): void
  readonly ended: Promise<unknown>
}

/** Throws what it is told instead of being let in. */
export async function view({ address, password }: ScreenInfo): Promise<Viewer> {
  const { hostname, port } = new URL(`tcp://${address}`)
  const socket = connect(Number(port), hostname)
  const ended = new Promise((resolve) => socket.once('close', resolve))
  const stream = new RfbStream(socket)
  try {
    await once(socket, 'connect')
    await enter(stream, password)
    stream.write(Buffer.of(1))
    await stream.take(20)
    const name = (await stream.take(await stream.takeU32())).toString()
    socket.resume()
    const press = (keysym: number) => {
      const message = Buffer.from('0401000000000000', 'hex')
      message.writeUInt32BE(keysym, 4)
      stream.write(message)
    }
    return { socket, name, press, ended }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

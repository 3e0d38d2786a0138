// A small RFB server for one client, from its initialisation on (RFC 6143 §7.3): what it shows is somebody else's picture, which is drawn anew when that
// somebody says so or a moment has passed.
import type { Env } from '../../shared/env.ts'
import { type Area, type PixelFormat, takeMessage } from './client-messages.ts'
import { clip, encodeFormat, encodeUpdate, type Picture, PLAIN_FORMAT } from './pixels.ts'
import { lengthAndText, type RfbStream } from './stream.ts'

const FRAME_MS = 100

/** What is shown. */
export interface Desktop {
  readonly name: string
  readonly picture: Picture
  /** Draws what has changed by now; answers where. Undefined: nothing has. */
  draw(): Area | undefined
  key(keysym: number, isDown: boolean): void
}

/** Until the client leaves, which is no failure, or `signal` aborts. Throws an RfbError where the client does what it may not. */
export async function serveDesktop(stream: RfbStream, desktop: Desktop, env: Env, signal: AbortSignal): Promise<void> {
  const { picture } = desktop
  let format: PixelFormat = PLAIN_FORMAT
  /** What the client waits for, and what has changed since it was told last. */
  let wanted: Area | undefined
  let changed: Area | undefined
  let stopTimer = () => {}
  let failure: { readonly error: unknown } | undefined

  const send = (area: Area) => {
    const inside = clip(picture, area)
    wanted = undefined
    if (inside !== undefined) stream.write(encodeUpdate(picture, inside, format))
  }
  const draw = () => {
    changed = union(changed, desktop.draw())
    // A client that does not read is sent nothing.
    if (wanted !== undefined && changed !== undefined && !stream.duplex.writableNeedDrain) {
      const due = intersection(changed, wanted)
      if (due !== undefined) {
        send(due)
        if (due.width === changed.width && due.height === changed.height) changed = undefined
      }
    }
  }
  const frame = () => {
    try {
      draw()
      stopTimer = env.setTimer(FRAME_MS, frame)
    } catch (error) {
      // Nobody else would catch it: this is a timer's turn.
      failure = { error }
      end()
    }
  }
  const end = () => stream.duplex.destroy()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    // Whether it would share the screen does not matter: it is alone.
    await stream.takeU8()
    stream.write(serverInit(desktop))
    frame()
    for (;;) {
      const message = await takeMessage(stream)
      if (message.kind === 'pixel format') ({ format } = message)
      if (message.kind === 'key') desktop.key(message.keysym, message.isDown)
      if (message.kind !== 'request') continue
      await stream.drained()
      if (message.isIncremental) wanted = message.area
      else send(message.area)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (failure !== undefined) throw failure.error
    if (!stream.duplex.readableEnded && !stream.duplex.destroyed) throw error
  } finally {
    stopTimer()
    signal.removeEventListener('abort', end)
  }
}

function serverInit({ name, picture }: Desktop): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt16BE(picture.width, 0)
  size.writeUInt16BE(picture.height, 2)
  return Buffer.concat([size, encodeFormat(PLAIN_FORMAT), lengthAndText(name)])
}

function union(one: Area | undefined, other: Area | undefined): Area | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)]
  return {
    x,
    y,
    width: Math.max(one.x + one.width, other.x + other.width) - x,
    height: Math.max(one.y + one.height, other.y + other.height) - y,
  }
}

function intersection(one: Area, other: Area): Area | undefined {
  const [x, y] = [Math.max(one.x, other.x), Math.max(one.y, other.y)]
  const width = Math.min(one.x + one.width, other.x + other.width) - x
  const height = Math.min(one.y + one.height, other.y + other.height) - y
  return width > 0 && height > 0 ? { x, y, width, height } : undefined
}

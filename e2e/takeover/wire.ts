// A conductor's way to the hub, which loses the frames of a node's task from a given one on, and in the end all frames.
import { webSocketDialer, type Dialer } from '../../site-conductor/link/dialer.ts'

interface Frame {
  readonly type: string
  readonly id?: string
  readonly node?: string
  readonly kind?: string
}

interface Followed {
  readonly kind: string
  /** The number of the first frame that is lost. */
  readonly cutAt: number
  readonly frames: string[]
}

export class Wire {
  isCut = false
  readonly #followed = new Map<string, Followed>()
  readonly #taskOf = new Map<string, Followed>()

  readonly dialer: Dialer = {
    dial: (url, headers, events) => {
      const socket = webSocketDialer.dial(url, headers, {
        opened: () => events.opened(),
        closed: (code, reason) => events.closed(code, reason),
        message: (frame) => this.#passes(frame) && events.message(frame),
      })
      const send = (frame: string) => void (this.#passes(frame) && socket.send(frame))
      return { send, close: (code, reason) => socket.close(code, reason) }
    },
  }

  /** From now on, of the node's tasks of this kind. Answers its frames, as they come. */
  follow(node: string, kind: string, cutAt: number): readonly string[] {
    const frames: string[] = []
    this.#followed.set(node, { kind, cutAt, frames })
    return frames
  }

  #passes(text: string): boolean {
    if (this.isCut) return false
    const { type, id = '', node = '', kind } = JSON.parse(text) as Frame
    if (type === 'task') {
      const followed = this.#followed.get(node)
      if (followed?.kind === kind) this.#taskOf.set(id, followed!)
      return true
    }
    const followed = this.#taskOf.get(id)
    if (followed === undefined) return true
    // Answers move nothing: losing one is losing what they answer. Nor does anything after the result.
    if (type !== 'ack' && type !== 'settled' && !followed.frames.includes('result')) followed.frames.push(type)
    return followed.frames.length <= followed.cutAt
  }
}

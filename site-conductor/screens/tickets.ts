// Who may see a machine's screen: whoever asked the API for it, once, within some minutes. A ticket has a token for a browser's URL and a password for
// plain viewers, whose authentication takes eight characters and no more (RFC 6143 §7.2.2); either uses it up.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Env } from '../../shared/env.ts'
import { toBase64Url } from '../../shared/sealing.ts'
import { PASSWORD_CHARACTERS } from '../rfb/vnc-auth.ts'

const TOKEN_BYTES = 24
/** Easy to be read aloud: without 0, O, 1, l and I. 57 of them are 46 bits for eight. */
const LETTERS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Of one node that are not used: the oldest goes first. */
const MOST = 16
/** After so many wrong passwords in the life of a ticket none is taken any more until it is over: nobody tries them all. */
const MOST_WRONG = 50

export interface Ticket {
  readonly token: string
  readonly password: string
}

interface Kept extends Ticket {
  readonly until: number
}

export class Tickets {
  readonly #env: Env
  readonly #lifeMs: number
  readonly #kept = new Map<string, Kept[]>()
  /** When each was given. */
  readonly #wrong = new Map<string, number[]>()

  constructor(env: Env, lifeMs: number) {
    this.#env = env
    this.#lifeMs = lifeMs
  }

  issue(node: string): Ticket {
    const token = toBase64Url(this.#env.random(TOKEN_BYTES))
    const ticket = { token, password: this.#password(), until: this.#env.mono() + this.#lifeMs }
    this.#kept.set(node, [...this.#valid(node), ticket].slice(-MOST))
    return ticket
  }

  /** Is it one of the node's? Then it is used up. */
  takeToken(node: string, token: string): boolean {
    return this.#take(node, (each) => isSame(each.token, token))
  }

  /** `isPassword`: is it this one? */
  takePassword(node: string, isPassword: (password: string) => boolean): boolean {
    const since = this.#env.mono() - this.#lifeMs
    const wrong = (this.#wrong.get(node) ?? []).filter((at) => at > since)
    if (wrong.length >= MOST_WRONG) return false
    const isRight = this.#take(node, ({ password }) => isPassword(password))
    if (!isRight) this.#wrong.set(node, [...wrong, this.#env.mono()])
    return isRight
  }

  /** Of how many nodes there are tickets. */
  get nodes(): number {
    return this.#kept.size
  }

  forget(node: string): void {
    this.#kept.delete(node)
    this.#wrong.delete(node)
  }

  #take(node: string, isIt: (ticket: Kept) => boolean): boolean {
    const valid = this.#valid(node)
    const found = valid.find(isIt)
    const left = valid.filter((each) => each !== found)
    // Strangers ask for any node.
    if (left.length > 0) this.#kept.set(node, left)
    else this.#kept.delete(node)
    return found !== undefined
  }

  #valid(node: string): Kept[] {
    const now = this.#env.mono()
    return (this.#kept.get(node) ?? []).filter(({ until }) => until > now)
  }

  #password(): string {
    let password = ''
    while (password.length < PASSWORD_CHARACTERS)
      for (const byte of this.#env.random(PASSWORD_CHARACTERS))
        // Evenly: what is left of 256 beyond four times all letters is drawn again.
        if (byte < 4 * LETTERS.length && password.length < PASSWORD_CHARACTERS)
          password += LETTERS[byte % LETTERS.length]
    return password
  }
}

function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

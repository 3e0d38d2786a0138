// VNC Authentication (RFC 6143 §7.2.2): the challenge, encrypted with the password by DES. It is weak, and all that plain viewers have: a password of it is
// used once (screens/tickets.ts).
import { createCipheriv, timingSafeEqual } from 'node:crypto'

export const CHALLENGE_BYTES = 16
/** What it takes of a password. */
export const PASSWORD_CHARACTERS = 8

/** Triple DES with the same key three times is DES. Viewers turn the bits of each byte of the key round. */
export function responseTo(challenge: Uint8Array, password: string): Buffer {
  const key = Buffer.alloc(PASSWORD_CHARACTERS)
  key.write(password, 'latin1')
  const turned = key.map((byte) => [...Array(8).keys()].reduce((bits, i) => bits | (((byte >> i) & 1) << (7 - i)), 0))
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([turned, turned, turned]), null)
  cipher.setAutoPadding(false)
  return cipher.update(challenge)
}

export function isResponse(response: Uint8Array, challenge: Uint8Array, password: string): boolean {
  return timingSafeEqual(response, responseTo(challenge, password))
}

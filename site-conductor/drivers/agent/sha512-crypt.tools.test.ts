// Passwords of all lengths, hashed as OpenSSL hashes them.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { cryptSalt, sha512Crypt } from './sha512-crypt.ts'

test.each([1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200])('a password of %d bytes', (length) => {
  const password = Array.from({ length }, (_, i) => String.fromCharCode(33 + ((i * 7 + length) % 90))).join('')
  for (const salt of ['.', cryptSalt(Uint8Array.from({ length: 16 }, (_, i) => i * 5 + length))]) {
    const theirs = execFileSync('openssl', ['passwd', '-6', '-salt', salt, '-stdin'], { input: password })
    expect(sha512Crypt(password, salt)).toBe(theirs.toString().trim())
  }
})

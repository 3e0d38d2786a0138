// Looks for secrets in whatever bytes it is given: as they are, in JSON, in base64 (wherever in a longer text they may stand), in hex and in a URL.

export interface Hit {
  readonly where: string
  readonly form: string
}

export class Canary {
  readonly #needles: readonly { readonly form: string; readonly text: string }[]
  readonly hits: Hit[] = []
  /** Bytes looked at, so that a test can tell that there was something to look at. */
  looked = 0

  constructor(secrets: Readonly<Record<string, string>>) {
    this.#needles = Object.entries(secrets).flatMap(([name, secret]) =>
      forms(secret).map(({ form, text }) => ({ form: `${name} ${form}`, text })),
    )
  }

  look(where: string, content: string | Uint8Array): void {
    // Every byte becomes a character of the same number, so that text in any encoding of ASCII's family is found in binary files, too.
    const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1')
    this.looked += text.length
    for (const needle of this.#needles) {
      if (text.includes(needle.text)) this.hits.push({ where, form: needle.form })
    }
  }
}

function forms(secret: string): { form: string; text: string }[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const all: [string, string][] = [
    ['raw', secret],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['in JSON in JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['in a URL', encodeURIComponent(secret)],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ]
  for (const before of [0, 1, 2]) {
    // Characters that depend on what stands before and after are left away.
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '')
    const own = encoded.slice(before === 0 ? 0 : before + 1, (bytes.length + before) % 3 === 0 ? undefined : -1)
    all.push([`base64 +${before}`, own], [`base64url +${before}`, own.replaceAll('+', '-').replaceAll('/', '_')])
  }
  return all.map(([form, text]) => ({ form, text }))
}

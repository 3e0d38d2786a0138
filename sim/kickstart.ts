// Reads a kickstart file as an installer does (pykickstart: commands one a line, outside of sections; a section ends with %end), for simulated machines
// and tests: a reader that knows nothing of the writer.

export interface Kickstart {
  /** Each as its words, quotes removed. */
  readonly commands: readonly (readonly string[])[]
  readonly sections: readonly KickstartSection[]
}

export interface KickstartSection {
  /** Without the percent sign: pre, post, onerror. */
  readonly name: string
  readonly options: readonly string[]
  readonly body: string
}

const SECTIONS = ['pre', 'pre-install', 'post', 'onerror', 'traceback', 'packages', 'addon']

/** Throws an Error for what an installer would refuse. */
export function readKickstart(text: string): Kickstart {
  const commands: string[][] = []
  const sections: KickstartSection[] = []
  let open: { name: string; options: string[]; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const [word = '', ...more] = line.trim().split(/\s+/)
    if (word === '%end') {
      if (open === undefined) throw new Error('%end outside of a section')
      sections.push({ name: open.name, options: open.options, body: open.lines.join('\n') })
      open = undefined
    } else if (open !== undefined) {
      // pykickstart takes a section's head inside of another one for a missing %end.
      if (SECTIONS.includes(line.slice(1).split(/\s/)[0]!) && line.startsWith('%'))
        throw new Error(`${open.name} has no %end`)
      open.lines.push(line)
    } else if (word.startsWith('%')) {
      if (!SECTIONS.includes(word.slice(1))) throw new Error(`no such section: ${word}`)
      open = { name: word.slice(1), options: more, lines: [] }
    } else if (word !== '' && !word.startsWith('#')) commands.push(wordsOf(line))
  }
  if (open !== undefined) throw new Error(`${open.name} has no %end`)
  return { commands, sections }
}

/** `liveimg --url="http://a/b" --checksum=c`: as POSIX shells split words. */
function wordsOf(line: string): string[] {
  const words = line.trim().match(/(?:"[^"]*"|'[^']*'|[^\s"'#])+/g) ?? []
  return words.map((word) => word.replaceAll(/["']/g, ''))
}

/** The value of `--name=`, of a command that is there. */
export function optionOf({ commands }: Kickstart, command: string, name: string): string | undefined {
  const words = commands.find(([word]) => word === command) ?? []
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3)
}

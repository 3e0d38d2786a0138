// What GRUB makes of a configuration that loads a kernel: words in single quotes as they are, one command a line. Of the commands only those that
// boot configurations use; an unknown one fails.
import { readIsoFile } from './iso9660.ts'

/** Boots a volume: the kernel's command line; undefined where there is nothing to boot. Throws where what is to be booted is not there. */
export function bootVolume(volume: Buffer, echo: (text: string) => void): string | undefined {
  const config = readIsoFile(volume, 'boot/grub/grub.cfg')
  const boot = config && runGrub(config.toString(), echo)
  for (const path of boot ? [boot.kernel, boot.ramdisk] : []) {
    const file = readIsoFile(volume, path.slice(1))
    if (file === undefined) throw new Error(`GRUB: file ${path} not found`)
    echo(`GRUB: ${path}, ${file.length} bytes`)
  }
  return boot?.commandLine
}

interface GrubBoot {
  readonly kernel: string
  readonly ramdisk: string
  readonly commandLine: string
}

/** Throws an Error that says which line cannot be run; undefined when nothing is booted. */
function runGrub(config: string, echo: (text: string) => void): GrubBoot | undefined {
  let kernel: { path: string; commandLine: string } | undefined
  let ramdisk: string | undefined
  for (const line of config.split('\n').filter((each) => each.trim() !== '')) {
    const [command, ...words] = (line.match(/(?:'[^']*'|"[^"]*"|\S)+/g) ?? []).map((word) =>
      word.replaceAll(/['"]/g, ''),
    )
    if (command === 'echo') echo(words.join(' '))
    else if (command === 'linux') kernel = { path: words[0] ?? '', commandLine: words.slice(1).join(' ') }
    else if (command === 'initrd') ramdisk = words[0]
    else if (command === 'boot')
      return kernel && ramdisk !== undefined
        ? { kernel: kernel.path, commandLine: kernel.commandLine, ramdisk }
        : undefined
    else throw new Error(`can't find command \`${command}'`)
  }
  return undefined
}

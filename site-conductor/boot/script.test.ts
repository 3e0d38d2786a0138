import { describe, expect, it } from 'vitest'
import { checkKernelArguments } from './kernel-arguments.ts'
import { instanceScript, localBootScript, ramdiskScript } from './script.ts'

const urls = { kernel: 'http://10.0.0.1:8088/token/kernel', ramdisk: 'http://10.0.0.1:8088/token/ramdisk' }

describe('iPXE script', () => {
  it('loads kernel and ramdisk with the arguments, and tells the ramdisk its card', () => {
    const lines = ramdiskScript(urls, ' console=ttyS0,115200n8 quiet ').split('\n')
    expect(lines[0]).toBe('#!ipxe')
    expect(lines).toContain(
      `kernel --name kernel ${urls.kernel} console=ttyS0,115200n8 quiet initrd=ramdisk BOOTIF=\${mac} || goto failed`,
    )
    expect(lines).toContain(`initrd --name ramdisk ${urls.ramdisk} || goto failed`)
  })

  it('tries ten times with a growing delay, then switches the machine off', () => {
    const script = ramdiskScript(urls, '')
    expect(script).toContain('inc attempt')
    expect(script).toContain('iseq ${attempt} 10 && goto give_up ||')
    expect(script).toContain('sleep ${attempt}')
    expect(script.trimEnd().split('\n').at(-1)).toBe('poweroff || reboot')
  })

  it('jumps only to labels that it has', () => {
    const script = ramdiskScript(urls, '')
    const labels = new Set([...script.matchAll(/^:(\w+)$/gm)].map(([, label]) => label))
    const targets = [...script.matchAll(/goto (\w+)/g)].map(([, label]) => label)
    expect(targets.filter((label) => !labels.has(label))).toEqual([])
  })

  it('of an instance tries for ever, from where its operator has it, with its arguments and nothing of ours', () => {
    const instance = {
      kernel: 'http://10.9.9.9/vmlinuz?x=%20',
      ramdisk: 'http://10.9.9.9/initrd',
      kernelArguments: 'a=1',
    }
    const script = instanceScript(instance)
    expect(script).toContain(`kernel --name kernel ${instance.kernel} a=1 initrd=ramdisk || goto failed\n`)
    expect(script.trimEnd().split('\n').slice(-4)).toEqual([
      ...[':failed', 'echo Ferrule: that failed, next attempt in 10 s', 'sleep 10', 'goto again'],
    ])
    expect(() => instanceScript({ ...instance, kernelArguments: 'a;shell' })).toThrow('semicolon')
    expect(() => instanceScript({ ...instance, ramdisk: 'tftp://x/y' })).toThrow('not a plain http URL')
  })

  it('of a machine with nothing to deploy goes to the disk on BIOS and back to the firmware on UEFI', () => {
    expect(localBootScript().split('\n').slice(2)).toEqual([
      'iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||',
      'exit 1',
      '',
    ])
  })

  it.each(['https://10.0.0.1/x', 'http://10.0.0.1/x y', 'http://10.0.0.1/${mac}', 'http://10.0.0.1/x\nshell', 'x'])(
    'does not take %j for a URL of ours',
    (kernel) => {
      expect(() => ramdiskScript({ ...urls, kernel }, '')).toThrow('not a plain http URL')
    },
  )
})

describe('boot script injection through kernel parameters', () => {
  it.each([
    ['a\nshell', 'newline'],
    ['a\rshell', 'newline'],
    ['a\0', 'control character'],
    ['a\u001b[2J', 'control character'],
    ['a\u007f', 'control character'],
    ['a\tb', 'control character'],
    ['a\u2028shell', 'non-ASCII'],
    ['é', 'non-ASCII'],
    ['a "b c"', 'quote'],
    ["a 'b'", 'quote'],
    ['`id`', 'quote'],
    ['a\\ b', 'backslash'],
    ['x=${net0/mac}', 'dollar'],
    ['$x', 'dollar'],
    ['a || shell', 'separator'],
    ['a && chain http://evil/', 'separator'],
    ['a ; shell', 'semicolon'],
    ['a # the rest', 'hash'],
  ])('%j is refused', (text, what) => {
    expect(() => checkKernelArguments(text)).toThrow(what)
    expect(() => ramdiskScript(urls, text)).toThrow(what)
  })

  it('is refused without repeating the arguments, which may hold a token', () => {
    expect(() => checkKernelArguments('token=s3cret "x"')).toThrow(/^a quote at character 14$/)
  })

  it('leaves the usual arguments alone', () => {
    for (const text of [
      'console=tty0 console=ttyS0,115200n8 nofb vga=normal ip=dhcp',
      'root=UUID=0a1b-2c3d ro rd.luks=0 mitigations=auto,nosmt',
      'ferrule.api=https://10.0.0.1:6384/v1?x=1&y=2 ferrule.ca=sha256:ab+/=',
      'memmap=10M!1G a.b[c]={d} e=~f% g=*<h>^(i),@j:k',
    ]) {
      expect(ramdiskScript(urls, text)).toContain(text)
    }
  })

  it('refuses a command line that the kernel would cut off', () => {
    expect(() => checkKernelArguments('x'.repeat(1999))).not.toThrow()
    expect(() => checkKernelArguments('x'.repeat(2001))).toThrow('2047')
  })
})

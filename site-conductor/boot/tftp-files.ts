// What a boot finds below its token by TFTP: loaders, and for those that know no HTTP their configuration, the kernel and the ramdisk.
//   TOKEN/grubx64.efi, then TOKEN/grub.cfg-01-MAC      GRUB 2.04+, made with an empty prefix (grub-core/normal/main.c, net_search_cfg)
//   TOKEN/pxelinux.0, then TOKEN/pxelinux.cfg/01-MAC   PXELINUX 6, with TOKEN/ldlinux.c32
//   TOKEN/kernel, TOKEN/ramdisk
// Names are looked up, never put together to a path of this host.
import { open } from 'node:fs/promises'
import type { LoaderName } from './loaders.ts'
import { grubConfig, pxelinuxConfig } from './script.ts'
import type { BootTicket } from './ticket.ts'
import type { TftpContent } from '../tftp/window.ts'

/** Null: not there. Rejects when a file of the ticket cannot be opened. */
export async function tftpFile(
  ticket: BootTicket,
  name: string,
  loaders: ReadonlyMap<LoaderName, Uint8Array>,
): Promise<TftpContent | null> {
  const loader = loaders.get(name as LoaderName)
  if (loader !== undefined) return bytesContent(loader)
  const { ramdisk, loader: family, macs, token } = ticket
  if (ramdisk === undefined || family !== 'pxe') return null
  if (name === 'kernel') return await fileContent(ramdisk.kernel)
  if (name === 'ramdisk') return await fileContent(ramdisk.initrd)
  for (const mac of macs) {
    const dashed = `01-${mac.replaceAll(':', '-')}`
    const files = { kernel: `/${token}/kernel`, ramdisk: `/${token}/ramdisk` }
    const text = {
      [`grub.cfg-${dashed}`]: () => grubConfig(files, ramdisk.kernelArguments, dashed),
      [`pxelinux.cfg/${dashed}`]: () => pxelinuxConfig(ramdisk.kernelArguments, dashed),
    }[name.toLowerCase()]
    if (text !== undefined) return bytesContent(Buffer.from(text()))
  }
  return null
}

function bytesContent(bytes: Uint8Array): TftpContent {
  return { sizeBytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
}

async function fileContent(path: string): Promise<TftpContent> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    return {
      sizeBytes: size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset)
        if (bytesRead < length) throw new Error(`${path} became shorter`)
        return buffer
      },
      close: () => void file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

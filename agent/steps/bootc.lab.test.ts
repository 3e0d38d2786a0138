// A container that installs itself, by the real podman of the layer, in the real ramdisk. The image is made here, and so is its `bootc`: a script that looks at what
// it was told and writes the disk. An image of a vendor, with the real bootc, cannot be had without a network.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { makeImage } from '../../sim/image.ts'
import { ociImage, startOciRegistry } from '../../sim/oci-registry.ts'
import { buildLayer } from '../ramdisk/build.ts'
import { partitions, configDrive, rawOf, readRange } from '../testdata/host-tools.ts'
import { HOST, savedAgent } from '../testdata/saved-agent.ts'
import { MIB, serveBytes, serveHttp, temporaryFolder, testNode } from '../testing.ts'

const LOGIN = 'robot:a secret of the registry'
const KEYS = 'ssh-ed25519 AAAA somebody'
const STEP = 'deploy.execute_deploy_step'
const DISK = makeImage(8 * MIB, 3)

/** The last argument is the disk; the keys come in a file. */
const BOOTC = `#!/bin/sh
set -e
echo "bootc $*"
for argument; do
  case $argument in --root-ssh-authorized-keys=*) grep -q 'somebody' "\${argument#*=}" ;; esac
  disk=$argument
done
[ -d /var/lib/containers/storage ]
dd if=/disk.img of="$disk" bs=1M conv=fsync 2>/dev/null
`

/** Writes on the console until somebody ends it. */
const ENDLESS = `#!/bin/sh
while true; do echo '<0>the container is here' > /dev/kmsg; sleep 0.2; done
`

/** \`bootc\` in an image with what a script needs. */
function imageOf(bootc: string, busybox: Buffer) {
  return ociImage([
    ...['bin/', 'usr/', 'usr/bin/', 'tmp/', 'var/', 'etc/'].map((path) => ({ path })),
    { path: 'bin/busybox', content: busybox },
    ...['sh', 'dd', 'grep', 'echo', 'sleep', 'true'].map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'usr/bin/bootc', content: Buffer.from(bootc) },
    { path: 'disk.img', content: DISK.bytes, mode: 0o644 },
  ])
}

it(
  'the image is pulled with its secret, installs itself on the root disk, and the config drive comes behind it',
  { timeout: 600_000 },
  async () => {
    await using folder = await temporaryFolder()
    const busybox = await readFile('/bin/busybox')
    const packed = await readFile(await buildLayer('containers', console.log))
    const sha256 = createHash('sha256').update(packed).digest('hex')
    await using server = await serveHttp(serveBytes(packed))
    await using agent = await (await savedAgent()).goOn()
    const images = { 'os/small:1': imageOf(BOOTC, busybox), 'os/small:endless': imageOf(ENDLESS, busybox) }
    const registry = await startOciRegistry({ tls: agent.tls, images, login: LOGIN })
    try {
      const { file, name } = await agent.addDisk({ sizeMiB: 5000, serial: 'root' })
      const instance_info = { bootc_authorized_keys: KEYS }
      const layers = { containers: { url: `${server.url.replace('127.0.0.1', HOST)}/layer`, sha256 } }
      const source = `oci://${HOST}:${registry.port}/os/small`
      const step = (tag: string, secret: string, configdrive?: string) => ({
        step: {
          interface: 'deploy',
          step: 'execute_bootc_install',
          args: {
            image_source: `${source}:${tag}`,
            // Ironic's conductor has the secret, which is base64 already, in base64.
            oci_pull_secret: Buffer.from(Buffer.from(secret).toString('base64')).toString('base64'),
            ...(configdrive && { configdrive }),
          },
        },
        node: { ...testNode, instance_info },
        ports: [],
        layers,
      })
      const install = (...args: Parameters<typeof step>) => agent.command(STEP, step(...args))
      const { command_error: stranger } = await install('1', 'robot:wrong')
      expect(stranger).toMatchObject({
        type: 'ContainerError',
        message: expect.stringContaining('could not be fetched'),
      })
      const { command_error: missing } = await install('2', LOGIN)
      expect(missing).toMatchObject({ type: 'ContainerError', details: expect.stringContaining('manifest unknown') })
      const running = await agent.begin(STEP, step('endless', LOGIN))
      const lines = () => agent.machine.console().split('the container is here').length
      await expect.poll(lines, { timeout: 120_000 }).toBeGreaterThan(1)
      expect((await running.abort()).command_error).toMatchObject({ type: 'CommandAborted' })
      const before = lines()
      const { volume, text } = await configDrive(folder.path)
      const { command_error: error, command_result: result } = await install('1', LOGIN, text)
      expect(error).toBeNull()
      expect(JSON.stringify(result)).toContain(`Container image (${source}:1) written to device ${name}`)
      expect(lines(), 'an aborted container writes nothing any more').toBe(before)
      await agent.machine.cut()
      const raw = await rawOf(file)
      expect((await readRange(raw, MIB, 4 * MIB)).equals(DISK.bytes.subarray(MIB, 5 * MIB))).toBe(true)
      const drive = [...(await partitions(raw)).values()].find((each) => each.name === 'config-2')!
      expect((await readRange(raw, drive.start, volume.length)).equals(volume)).toBe(true)
      expect(registry.refused).toBeGreaterThan(0)
    } finally {
      await registry.close()
    }
  },
)

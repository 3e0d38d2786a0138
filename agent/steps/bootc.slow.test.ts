// What is left of a container when its step ends otherwise than by itself. podman is played by a script whose container outlives it, as a real one does
// (conmon, which holds it, is in a session of its own); the real one is in bootc.lab.test.ts.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runTool } from '../tool.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, temporaryFolder } from '../testing.ts'
import { installContainer } from './bootc.ts'

const PODMAN = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> asked
case $1 in
  run)
    setsid sleep 1000 > /dev/null 2>&1 &
    echo $! > container
    echo running
    wait ;;
  rm)
    tries=$(cat tries 2>/dev/null || echo 0)
    echo $((tries - 1)) > tries
    [ "$tries" -gt 0 ] && { echo 'the container is held' >&2; exit 125; }
    [ ! -e container ] || kill -KILL "$(cat container)" ;;
esac
`

async function rig(refusals = 0) {
  const folder = await temporaryFolder()
  const file = (name: string) => join(folder.path, name)
  await writeFile(file('podman'), PODMAN)
  await chmod(file('podman'), 0o755)
  await writeFile(file('tries'), String(refusals))
  const controller = new AbortController()
  const layers = {
    own: async () => ({
      root: folder.path,
      run: (_: string, args: readonly string[], options: object) => runTool(file('podman'), [...args], options),
    }),
    known: async () => undefined,
    add: async () => expect.unreachable('the ramdisk has podman'),
  }
  const machine = fakeMachine([await fileDisk(folder.path, 'disk', 8 * GIB)], { layers })
  const context = fakeContext(machine, {
    signal: controller.signal,
    log: (line) => line === 'podman: running' && controller.abort(),
  })
  return {
    install: () => installContainer(context, { image_source: 'oci://registry.example/os:1' }),
    asked: async () => (await readFile(file('asked'), 'utf8')).trim().split('\n'),
    /** Gone, or ended and not yet asked for by who has it now. */
    container: async () => {
      const pid = (await readFile(file('container'), 'utf8')).trim()
      return (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')).replace(/^.*\) Z .*/s, 'gone')
    },
    [Symbol.asyncDispose]: async () => {
      await runTool('sh', ['-c', `kill -KILL $(cat ${file('container')})`])
      await folder[Symbol.asyncDispose]()
    },
  }
}

it('a container whose step is aborted has ended when the step has', async () => {
  await using made = await rig()
  await expect(made.install()).rejects.toThrow('aborted')
  expect(await made.container()).toBe('gone')
})

it('a container that cannot be removed at once is asked away again, and the step says so where that is in vain', async () => {
  await using late = await rig(2)
  await expect(late.install()).rejects.toThrow('aborted')
  expect(await late.container()).toBe('gone')
  await using never = await rig(1000)
  await expect(never.install()).rejects.toMatchObject({
    type: 'ContainerError',
    message: expect.stringContaining('may still be running'),
    details: expect.stringContaining('the container is held'),
  })
})

it('what an agent before this one has left running is removed before the disk is written anew', async () => {
  await using made = await rig()
  await expect(made.install()).rejects.toThrow('aborted')
  expect((await made.asked()).find((line) => line.startsWith('run'))).toMatch(
    /^run --rm --name=ferrule-bootc --replace /,
  )
})

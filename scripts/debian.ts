// Debian packages that tasks need: installed when this user may, else the one command that installs them is the error.
import { spawnSync } from 'node:child_process'
import { debianImagePackages, labPackages } from '../lab/debian-packages.ts'

/** Tools that the tests talk to, beyond what the rack needs. Go and gophercloud's sources are 88 MB to fetch, ten seconds to unpack, half a gigabyte on the disk. */
export const testPackages = [
  'ansible', 'atftp', 'busybox-static', 'cpio', 'curl', 'dnsmasq-base', 'dropbear-bin', 'e2fsprogs', 'fio', 'freeipmi-tools', 'genisoimage',
  'golang-github-gophercloud-gophercloud-dev', 'golang-go', 'ipmitool', 'libnet-vnc-perl', 'neutron-server', 'nginx-light', 'openipmi', 'openssh-client',
  'python3-ironicclient', 'python3-openstackclient', 'python3-openstacksdk', 'python3-pyghmi', 'python3-sushy', 'stress-ng',
  'tftp-hpa', 'tftpd-hpa', 'tgt', 'tshark', 'vncsnapshot', 'wget', 'xorriso', 'zstd',
] as const // prettier-ignore

const lab = labPackages.map((entry) => entry.package)
const debianImage = debianImagePackages.map((entry) => entry.package)
const packagesFor = {
  lab,
  /** The demo that deploys Debian. */
  debian: [...lab, ...debianImage],
  tests: [...lab, ...testPackages],
  long: [
    ...lab,
    ...testPackages,
    ...debianImage,
    'chromium',
    'cinder-api',
    'cinder-scheduler',
    'cinder-volume',
    'ironic-api',
    'ironic-conductor',
    'ironic-tempest-plugin',
    'python3-nova',
    'pxelinux',
    'syslinux-common',
  ],
  /** The Ironic that benchmarks of the API measure in the same run: 8 API processes on MariaDB. */
  ironic: ['ironic-api', 'ironic-conductor', 'mariadb-client-core', 'mariadb-server-core', 'python3-pymysql'],
} as const satisfies Record<string, readonly string[]>

export type Purpose = keyof typeof packagesFor

/** Makes sure that all packages for `purpose` are there. Throws an Error whose message is the command to run. */
export function ensureDebianPackages(purpose: Purpose, log: (line: string) => void): void {
  const wanted = [...new Set<string>(packagesFor[purpose])].sort()
  const missing = wanted.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (sudo.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) {
    throw new Error(`These Debian packages are missing. Run:\n\n  sudo apt-get update && sudo ${install}\n`)
  }
  log(`Installing ${missing.length} Debian packages: ${missing.join(' ')}`)
  const started = Date.now()
  // policy-rc.d is not ours to write; RUNLEVEL=1 keeps maintainer scripts from starting the servers that come along.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const run = (command: string) => {
    const [program = '', ...args] = [...sudo, ...command.split(' ')]
    return spawnSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  }
  run('apt-get update -q')
  const result = run(install)
  const still = missing.filter((name) => !isInstalled(name))
  if (still.length > 0)
    throw new Error(`apt-get could not install ${still.join(' ')}:\n${result.stderr.trim()}\nTry: ${install}`)
  log(`Debian packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

function isInstalled(name: string): boolean {
  const result = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' })
  return result.status === 0 && result.stdout.endsWith(' installed')
}

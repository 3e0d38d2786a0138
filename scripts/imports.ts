// The import rules in words (the compiler guards the packages; this guards what is finer than a package).
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

interface Rule {
  readonly files: RegExp
  /** Imports of ours that are allowed (paths from the root). */
  readonly allow?: RegExp
  readonly deny?: RegExp
  readonly why: string
}

const test = /\.test\.ts$|\/testdata\//

const RULES: readonly Rule[] = [
  { files: /^shared\//, allow: /^shared\//, why: 'shared imports nothing of ours' },
  { files: /^cloud\//, allow: /^(cloud|shared)\//, why: 'cloud imports shared only' },
  { files: /^site-conductor\//, allow: /^(site-conductor|shared)\//, why: 'site-conductor imports shared only' },
  { files: /^agent\//, allow: /^(agent|shared)\//, why: 'agent imports shared only' },
  ...['ipmi', 'redfish', 'dhcp', 'tftp', 'config-drive'].map((protocol) => ({
    files: new RegExp(`^site-conductor/${protocol}/`),
    allow: new RegExp(`^site-conductor/${protocol}/`),
    why: `${protocol} is a protocol of its own and could be published alone`,
  })),
  { files: /^cloud\/(?!site-hub\/|provision\/)/, deny: /^cloud\/provision\//, why: 'only the hub moves states' },
  {
    files: /^cloud\/(?!site-hub\/|provision\/|hosts\/)/,
    deny: /^cloud\/site-hub\/(?!commands\.ts$)/,
    why: 'the API reaches the hub through its port',
  },
  { files: /^cloud\/(?!hosts\/)/, deny: /^cloud\/hosts\//, why: 'core code knows no host' },
  { files: /^cloud\/(site-hub|provision)\//, deny: /^cloud\/api\//, why: 'the hub knows no HTTP' },
]

/** Modules of a platform in code that runs everywhere. */
const RUNTIME_FREE = /^(shared\/|cloud\/(?!hosts\/|drizzle\.))/

const complaints: string[] = []
const files = globSync('{shared,cloud,site-conductor,agent,sim,lab,e2e,scripts}/**/*.ts', {
  exclude: (path) => path.includes('node_modules'),
})
for (const file of files) {
  if (test.test(file)) continue
  const text = readFileSync(file, 'utf8')
  for (const [, specifier = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    if (RUNTIME_FREE.test(file) && /^(node|cloudflare|bun):/.test(specifier))
      complaints.push(`${file}: imports ${specifier}, but it runs everywhere`)
    if (!specifier.startsWith('.')) continue
    const target = normalize(join(dirname(file), specifier))
    for (const rule of RULES) {
      if (!rule.files.test(file)) continue
      if ((rule.allow && !rule.allow.test(target)) || rule.deny?.test(target))
        complaints.push(`${file}: imports ${target}, but ${rule.why}`)
    }
  }
}
for (const complaint of complaints) console.error(complaint)
console.log(`${files.length} files, ${complaints.length} breaches of the import rules`)
process.exit(complaints.length > 0 ? 1 : 0)
